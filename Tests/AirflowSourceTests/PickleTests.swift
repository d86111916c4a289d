import ExecutionModel
import JSONText
import TestServers
import Testing

@testable import AirflowSource

@Suite struct PickleTests {
  struct Golden: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: [UInt8]
    var json: String?
    var opaque: String?
    var size: Int?
    var testDescription: String { name }
  }

  static let goldens: [Golden] = {
    guard let values = try? JSONValue(parsing: Fixtures.text("pickle/goldens.json")).arrayValue else { return [] }
    return values.map { value in
      let hex = Array((value["hex"]?.stringValue ?? "").utf8)
      return Golden(
        name: "\(value["name"]?.stringValue ?? "") protocol \(value["protocol"]?.integerValue ?? 0)",
        bytes: stride(from: 0, to: hex.count, by: 2).compactMap {
          UInt8(String(decoding: hex[$0..<$0 + 2], as: UTF8.self), radix: 16)
        },
        json: value["json"]?.stringValue, opaque: value["opaque"]?.stringValue,
        size: value["bytes"]?.integerValue.map { Int($0) })
    }
  }()

  @Test func thereAreGoldens() { #expect(Self.goldens.count > 200) }

  @Test func whatPythonPickledIsReadBack() {
    for golden in Self.goldens {
      switch (Pickle.value(golden.bytes), golden.json) {
      case (.json(let value), let json?): #expect(value.rawJSON.text == json, "\(golden.name)")
      case (.opaque(let kind, let bytes), nil):
        if let expected = golden.opaque { #expect(kind == expected, "\(golden.name)") }
        #expect(bytes == golden.size, "\(golden.name)")
      case (let value, _): Issue.record("\(golden.name): \(value)")
      }
    }
  }

  @Test func aTruncatedPickleIsOpaqueWhereverItEnds() {
    for golden in Self.goldens where golden.bytes.count < 300 {
      for length in 0..<golden.bytes.count {
        guard case .opaque(let kind, let bytes) = Pickle.value(Array(golden.bytes[..<length])) else {
          Issue.record("\(golden.name) cut to \(length) is read")
          continue
        }
        #expect(bytes == length)
        #expect(!kind.isEmpty)
      }
    }
  }

  @Test func noMutationOfAPickleDoesHarm() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededRandom(seed)
    let small = Self.goldens.map(\.bytes).filter { $0.count < 300 }
    var opaque = 0
    for _ in 0..<30_000 {
      var bytes = small[Int(random.next() % UInt64(small.count))]
      for _ in 0...(random.next() % 4) {
        let place = Int(random.next() % UInt64(bytes.count))
        switch random.next() % 4 {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        case 2: if bytes.count > 1 { bytes.remove(at: place) }
        default: bytes[place] ^= 1 << UInt8(random.next() % 8)
        }
      }
      switch Pickle.value(bytes) {
      case .opaque: opaque += 1
      case .json(let value):
        // Whatever is read is JSON.
        if (try? JSONValue(parsing: value.rawJSON.text, maximumDepth: 128)) == nil {
          Issue.record("seed \(seed): \(bytes) gives \(value.rawJSON.text)")
        }
      }
    }
    #expect(opaque > 1000, "seed \(seed)")
  }

  @Test func hostileOpcodesAreOpaque() {
    let hostile: [String: [UInt8]] = [
      "os.system": [0x80, 2] + Array("cos\nsystem\nU\u{01}x\u{85}R.".utf8),
      "length beyond the end": [0x80, 4, 0x8D, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x61],
      "length beyond Int": [0x80, 4, 0x8E, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
      "empty stack": [0x80, 4, 0x2E],
      "below the mark": [0x80, 4, 0x4E, 0x28, 0x30, 0x30, 0x30, 0x2E],
      "no mark": [0x80, 4, 0x5D, 0x65, 0x2E],
      "odd dict": [0x80, 4, 0x28, 0x4E, 0x64, 0x2E],
      "unknown memo": [0x80, 4, 0x68, 7, 0x2E],
      "append to a number": [0x80, 4, 0x4B, 1, 0x4E, 0x61, 0x2E],
      "persistent id": [0x80, 4, 0x4E, 0x51, 0x2E],
      "extension": [0x80, 4, 0x82, 1, 0x2E],
      "protocol 0": Array("I1\n.".utf8),
      "protocol 6": [0x80, 6, 0x4E, 0x2E],
      "a name alone": [0x80, 3] + Array("cbuiltins\nset\n.".utf8),
      "set of a number": [0x80, 3] + Array("cbuiltins\nset\nK\u{01}\u{85}R.".utf8),
    ]
    for (name, bytes) in hostile {
      guard case .opaque = Pickle.value(bytes) else {
        Issue.record("\(name) is read")
        continue
      }
    }
    #expect(Pickle.value([0x80, 2] + Array("cos\nsystem\n.".utf8)) == .opaque(kind: "pickle of os.system", bytes: 14))
  }

  @Test func sharedValuesUnfoldOnlySoFar() {
    // A list of 255 references to a list of 255 references to ... eight levels deep, in 4 kB.
    var bytes: [UInt8] = [0x80, 4, 0x5D, 0x71, 0]  // [] as memo 0
    for level in UInt8(1)...8 {
      bytes += [0x5D, 0x71, level, 0x28]
      for _ in 0..<255 { bytes += [0x68, level - 1] }
      bytes += [0x65]
    }
    bytes.append(0x2E)
    #expect(Pickle.value(bytes) == .opaque(kind: "pickle too large", bytes: bytes.count))
  }
}
