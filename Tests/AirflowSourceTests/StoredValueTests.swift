import ExecutionModel
import JSONText
import Testing

@testable import AirflowSource

@Suite struct StoredValueTests {
  private func text(_ json: String) -> String { StoredValue(Array(json.utf8)).rawJSON.text }

  @Test func whatJsonDumpsWroteBecomesCanonical() {
    #expect(
      text(#"{"answer": 42, "nested": {"a": [1, null, 1.50, "\u00e9"]}}"#)
        == #"{"answer":42,"nested":{"a":[1,null,1.50,"é"]}}"#)
    #expect(text("70437463654557") == "70437463654557")
    #expect(
      text(#"{"__classname__": "datetime.datetime", "__version__": 2, "__data__": 1.0}"#)
        == #"{"__classname__":"datetime.datetime","__version__":2,"__data__":1.0}"#)
  }

  @Test func numbersThatJSONDoesNotHaveDoNotHideTheRest() {
    #expect(
      text(#"{"run_id": 5, "x": [NaN, Infinity, -Infinity], "NaN": "Infinity \" NaN"}"#)
        == #"{"run_id":5,"x":[{"opaque":"nan","bytes":3},{"opaque":"infinity","bytes":8},{"opaque":"-infinity","bytes":9}],"NaN":"Infinity \" NaN"}"#
    )
  }

  @Test func aPickleIsToldByItsFirstByte() {
    #expect(
      StoredValue([0x80, 4, 0x95, 6, 0, 0, 0, 0, 0, 0, 0, 0x4A, 0x07, 0x3B, 0xFB, 0x02, 0x2E])
        == .json(.number("50019079")))
    #expect(StoredValue([0x80, 5, 0x7D, 0x94, 0x2E]).rawJSON == .emptyObject)
  }

  @Test func everythingElseIsOpaqueWithItsSize() {
    #expect(StoredValue([]) == .opaque(kind: "empty", bytes: 0))
    #expect(StoredValue([0xFF, 0xFE]) == .opaque(kind: "bytes", bytes: 2))
    #expect(StoredValue(Array("file:///x".utf8)) == .opaque(kind: "text", bytes: 9))
    #expect(StoredValue(Array(#"{"a": 1"#.utf8)) == .opaque(kind: "text", bytes: 7))
    #expect(StoredValue(Array(#""\ud800""#.utf8)) == .opaque(kind: "text", bytes: 8))
    #expect(text("{") == #"{"opaque":"text","bytes":1}"#)
    #expect(StoredValue(Array(repeating: UInt8(ascii: "["), count: 30_000)) == .opaque(kind: "text", bytes: 30_000))
  }

  @Test func theShortWayGivesWhatTheLongOneGives() {
    let texts = [
      "", "0", "7", "50019001", "007", "-5", "1.50", "1e3", "12345678901234567890123", "\"\"", "\"", "\"a\"", "\"a",
      "\"a\"b\"",
      "\"https://cloud.getdbt.com/deploy/1/projects/2/runs/3/\"", #""\u00e9""#, #""\\""#, #""\""#, "\"é\"",
      "\"\u{7F}\"", "\"\t\"",
      "null", " 5", "5 ", "\" \"", "\"</script>\"",
    ]
    for text in texts {
      let bytes = Array(text.utf8)
      #expect(bytes.withUnsafeBytes { StoredValue.content($0) } == StoredValue(bytes).content, "\(text)")
    }
  }
}
