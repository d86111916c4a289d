import Glibc

/// Feeds made-up bytes to the readers of what others have written. libFuzzer has the `main` and calls this; which
/// reader is meant says the environment (`FUZZ_TARGET`). scripts/fuzz builds and runs it.
@_cdecl("LLVMFuzzerTestOneInput")
public func runOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  Fuzz.chosen(Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}

enum Fuzz {
  static let chosen: @Sendable ([UInt8]) -> Void = {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    switch name {
    case "artifacts": return { ArtifactsTarget.run($0) }
    case "answers": return { AnswersTarget.run($0) }
    case "xcoms": return { XComsTarget.run($0) }
    case "configuration": return { ConfigurationTarget.run($0) }
    default:
      say("FUZZ_TARGET is none of artifacts, answers, xcoms, configuration")
      exit(64)
    }
  }()
}

/// Ends the program, which libFuzzer takes for a finding, when something that must hold does not.
func must(_ condition: Bool, _ promise: @autoclosure () -> String) {
  if condition { return }
  say("Broken promise: \(promise())")
  abort()
}

private func say(_ text: String) {
  let line = Array("\(text)\n".utf8)
  _ = write(STDERR_FILENO, line, line.count)
}
