import Testing

@testable import AirflowSource

@Suite struct ScheduleTests {
  @Test(
    arguments: [
      (#""0 0 * * *""#, "0 0 * * *"), (#""@once""#, "@once"), (#""Dataset""#, "Dataset"), ("null", nil), (nil, nil),
      (#"{"type": "timedelta", "attrs": {"days": 0, "seconds": 3600, "microseconds": 0}}"#, "1:00:00"),
      (#"{"type": "timedelta", "attrs": {"days": 1, "seconds": 61, "microseconds": 5}}"#, "1 day, 0:01:01.000005"),
      (#"{"type": "timedelta", "attrs": {"days": -2, "seconds": 86399, "microseconds": 0}}"#, "-2 days, 23:59:59"),
      (#"{"type": "timedelta", "attrs": {"days": "x"}}"#, #"{"type":"timedelta","attrs":{"days":"x"}}"#),
      (#"{"type": "relativedelta", "attrs": {"months": 1}}"#, #"{"type":"relativedelta","attrs":{"months":1}}"#),
      ("0 0 * * *", "0 0 * * *"), ("", ""),
    ] as [(String?, String?)])
  func airflow2HasItAsJSON(_ given: (String?, String?)) { #expect(Schedule.airflow2(given.0) == given.1) }

  @Test func airflow3HasItAsTextAndNoneIsNone() {
    #expect(Schedule.airflow3("None") == nil)
    #expect(Schedule.airflow3(nil) == nil)
    #expect(Schedule.airflow3("1:00:00") == "1:00:00")
  }
}
