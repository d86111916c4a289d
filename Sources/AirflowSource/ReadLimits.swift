/// What keeps a read within bounds, whatever the database holds. Bytes.
struct ReadLimits: Sendable {
  /// One XCom; a larger one is not fetched.
  var xcomBytes = 32 << 10
  /// XComs up to this size are fetched at once, whatever the others are.
  var xcomBytesAtOnce = 1 << 10
  /// All larger XComs of one run; once they exceed it, the rest is not fetched.
  var xcomBytesPerRun = 8 << 20
  /// The rendered fields of one task instance; larger ones are left out.
  var renderedBytes = 64 << 10
  /// All rendered fields of one run; once they exceed it, the rest is left out.
  var renderedBytesPerRun = 8 << 20
  /// `dag_run.conf`; a larger one is not fetched.
  var confBytes = 256 << 10
  /// Task instances that one set of queries asks for; a single run may have more.
  var taskInstancesPerChunk = 12_500
  /// Once a call has read so many task instances, the rest is left to the next one.
  var taskInstancesPerCall = 25_000
  /// Once a call has read for so many milliseconds, the rest is left to the next one.
  var readMilliseconds = 500.0
  /// Once a call has read so many bytes of XComs and rendered fields, the rest is left to the next one.
  var contentBytesPerCall = 32 << 20
  /// Up to this size on the disk, for each task instance that is read, `task_instance_note` is looked at as a whole: one
  /// note of some hundred bytes is looked up in as many pages as two task instances.
  var noteBytesPerTaskInstance: Int64 = 64
  /// Runs of which one statement computes the fingerprints.
  var runsPerFingerprint = 100
  /// Once a slice of the sweep has taken so many milliseconds, the rest is left to the next one.
  var sweepMilliseconds = 400.0
  /// How often a read that a replica cancels for its recovery, or that meets a locked table, is begun again at once; after
  /// that it has failed.
  var conflictsInARow = 3
  /// Runs that one slice of the sweep looks at, those that are too old included.
  var runsPerSweep = 50_000
}
