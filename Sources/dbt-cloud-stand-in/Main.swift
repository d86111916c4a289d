import DbtCloudStandIn
import Glibc

/// Serves the stand-in until SIGTERM or SIGINT.
@main enum Main {
  static func main() {
    let options: Options
    do {
      options = try Options(Array(CommandLine.arguments.dropFirst()))
    } catch {
      say(2, "dbt-cloud-stand-in: \(error)\n\n\(Options.help)")
      exit(64)
    }
    if options.wantsHelp {
      say(1, Options.help)
      exit(0)
    }
    // Before any thread starts, so that all of them leave the signals to sigwait.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    do {
      let standIn = try options.standIn()
      let server = try standIn.serve(port: options.port)
      if let url = options.baseURL { standIn.setBaseURL(url) }
      say(1, "listening on http://127.0.0.1:\(server.port)\n")
      var received: Int32 = 0
      sigwait(&signals, &received)
      server.stop()
    } catch {
      say(2, "dbt-cloud-stand-in: \(error)\n")
      exit(1)
    }
  }

  static func say(_ descriptor: Int32, _ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if written <= 0 { return }
      bytes = bytes.dropFirst(written)
    }
  }
}
