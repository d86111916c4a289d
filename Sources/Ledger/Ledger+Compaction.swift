import Glibc
import SQLite
import Storage

extension Ledger {
  /// Pages that are given back to the file system at a time: 4 MB.
  private static let pagesOfSlice: Int64 = 512

  /// Gives some of what the file does not need any more back to the file system: a part of the free pages stays, for what is
  /// written next. Returns whether there is more to give back. A server does this by itself.
  public func shrink() throws -> Bool {
    guard place.isFile, purpose == .syncing else { return false }
    return try guarded {
      let database = try current()
      guard try database.integer("PRAGMA auto_vacuum") == 2 else { return false }
      let spare = try database.integer("PRAGMA freelist_count") ?? 0
      let pages = try database.integer("PRAGMA page_count") ?? 0
      let excess = spare - max(Self.pagesOfSlice, (pages - spare) / 10)
      guard excess > 0 else { return false }
      try database.execute("PRAGMA incremental_vacuum(\(min(excess, Self.pagesOfSlice)))")
      return excess > Self.pagesOfSlice
    }
  }

  /// What ``compact()`` did.
  public enum Compaction: Hashable, Sendable {
    /// The file shrinks by itself.
    case notNeeded
    case done(before: Int64, after: Int64)
    /// There is no room for the copy that it takes.
    case noRoom(needed: Int64, free: Int64)
  }

  /// Writes a file that was made without the means to shrink anew, once, if its file system has room for another.
  public func compact() throws -> Compaction {
    guard place.isFile, purpose == .syncing else { return .notNeeded }
    return try guarded {
      let database = try current()
      guard try database.integer("PRAGMA auto_vacuum") != 2 else { return .notNeeded }
      let size = try database.integer("PRAGMA page_size") ?? 0
      let before = (try database.integer("PRAGMA page_count") ?? 0) * size
      var system = statvfs()
      let free = statvfs(path, &system) == 0 ? Int64(system.f_bavail) * Int64(system.f_frsize) : Int64.max
      // The copy goes through the write-ahead log.
      guard free > 2 * before else { return .noRoom(needed: 2 * before, free: free) }
      try database.execute("PRAGMA auto_vacuum = INCREMENTAL; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
      return .done(before: before, after: (try database.integer("PRAGMA page_count") ?? 0) * size)
    }
  }

  /// Looks for damage. A large file takes seconds for each gigabyte; after `seconds` it is left at what was found so far.
  /// - Returns: what is wrong, empty when nothing was found, and whether everything was looked at.
  public func integrity(seconds: Double) throws -> (faults: [String], isWhole: Bool) {
    guard place.isFile else { return ([], true) }
    return try guarded {
      guard let database = try current() as? SQLiteDatabase else { return ([], true) }
      return try database.integrity(seconds: seconds)
    }
  }
}
