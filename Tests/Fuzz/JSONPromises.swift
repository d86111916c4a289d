@testable import JSONText

/// What holds for each text that may be JSON.
enum JSONPromises {
  static func check(_ bytes: [UInt8]) {
    let whole = read(bytes, windowSize: TokenWindows.usualSize)
    for size in [1, 16, 300] {
      let cut = read(bytes, windowSize: size)
      switch (whole, cut) {
      case (nil, nil): break
      case (let one?, let other?): must(one == other, "stretches of \(size) bytes change nothing")
      default: must(false, "stretches of \(size) bytes change nothing: \(whole == nil) against \(cut == nil)")
      }
    }
    guard whole != nil else { return }
    // What can be read can be passed over, and is as long then.
    let document = JSONDocument(bytes: bytes, source: "input")
    let isPassed: Void? = try? document.read { try $0.skip() }
    must(isPassed != nil, "what can be read can be passed over")
  }

  private static func read(_ bytes: [UInt8], windowSize: Int) -> JSONValue? {
    try? bytes.withUnsafeBufferPointer {
      try JSONTokens.read($0, source: "input", isStrict: false, windowSize: windowSize) { try $0.value() }
    }
  }
}
