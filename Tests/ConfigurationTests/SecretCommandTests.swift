import Glibc
import TestServers
import Testing

@testable import Configuration

struct SecretCommandTests {
  private func failure(_ command: SecretCommand, seconds: Double = 10) -> String? {
    do throws(SecretCommand.Problem) {
      _ = try command.run(seconds: seconds)
      return nil
    } catch { return error.description }
  }

  @Test func whatItPrintsIsTheSecret() throws {
    let secret = Secret(.command(.shell("printf 'hunter2\\n'")), key: "airflow[0].password_command")
    #expect(try secret.read() == "hunter2")
    #expect(try Secret(.command(.arguments(["printf", "%s", "a $HOME b"])), key: "k").read() == "a $HOME b")
  }

  @Test func itSeesTheEnvironmentAndNoInput() throws {
    #expect(try SecretCommand.shell("test -n \"$PATH\" && wc -c").run().filter { $0 != 0x0A } == Array("0".utf8))
  }

  @Test func ignoredSignalsAreNotPassedOn() throws {
    // SigIgn is a mask in hexadecimal; signal 12 is bit 11.
    let before = signal(SIGUSR2, SIG_IGN)
    defer { signal(SIGUSR2, before) }
    let mask = try SecretCommand.shell("grep SigIgn /proc/self/status | cut -f 2").run()
    let text = String(decoding: mask.dropLast(), as: UTF8.self)
    #expect(try #require(UInt64(text, radix: 16)) & (1 << 11) == 0)
  }

  @Test func aFailureSaysHowItEndedAndNotWhatItSaid() {
    let failed = failure(.shell("echo hunter2; exit 3"))
    #expect(failed?.contains("exit status 3") == true && failed?.contains("hunter2") == false)
    #expect(failure(.shell("kill -9 $$"))?.contains("signal 9") == true)
    #expect(failure(.arguments(["/nonexistent/program"]))?.contains("cannot be started") == true)
    #expect(failure(.shell("head -c 70000 /dev/zero"))?.contains("64 KiB") == true)
    #expect(failure(.shell("exit 127"))?.contains("127") == true)
  }

  @Test func aCommandThatHangsIsKilledWithWhatItStarted() throws {
    let folder = try TemporaryFolder()
    let file = folder.path + "/pid"
    #expect(failure(.shell("sleep 600 & echo $! > '\(file)'; wait"), seconds: 3)?.contains("did not end") == true)
    let pid = try #require(Int32(String(decoding: SmallFile.read(file, limit: 100).bytes.dropLast(), as: UTF8.self)))
    // It was killed; its end takes the kernel a moment. Until it is reaped by whoever adopted it, it is a zombie without
    // a command line.
    var isGone = false
    for _ in 0..<3000 where !isGone {
      let isZombie = (try? SmallFile.read("/proc/\(pid)/cmdline", limit: 1000))?.bytes.isEmpty ?? true
      isGone = isZombie || kill(pid, 0) != 0
      if !isGone { usleep(10_000) }
    }
    #expect(isGone)
  }

  @Test func aCommandThatClosesItsOutputAndStaysIsKilled() {
    #expect(failure(.shell("echo x; exec 1>&-; sleep 600"), seconds: 0.5)?.contains("did not end") == true)
  }

  @Test func nothingIsAnEmptySecret() {
    #expect {
      try Secret(.command(.shell("true")), key: "k").read()
    } throws: {
      ($0 as? SecretError)?.kind == .unusable
    }
  }
}
