import Glibc

/// A file that is nowhere but in memory, for readers that take a path.
final class MemoryFile {
  private let descriptor: CInt
  let path: String

  init() {
    let name = "/airflow-syncer-fuzz-\(getpid())"
    descriptor = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0o600)
    shm_unlink(name)
    must(descriptor >= 0, "a file in memory can be made")
    path = "/proc/self/fd/\(descriptor)"
  }

  deinit { close(descriptor) }

  /// Makes these bytes all that is in the file.
  func hold(_ bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    must(ftruncate(descriptor, 0) == 0, "the file can be emptied")
    must(pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, "the file can be written")
  }
}
