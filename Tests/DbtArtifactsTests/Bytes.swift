import Glibc

/// Writes bytes that need not be text.
func writeBytes(_ bytes: [UInt8], _ path: String) throws {
  struct Failure: Error {}
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  guard descriptor >= 0 else { throw Failure() }
  defer { close(descriptor) }
  guard write(descriptor, bytes, bytes.count) == bytes.count else { throw Failure() }
}

/// Makes a file larger without writing: what is added reads as NUL bytes and takes no room.
func extendFile(_ path: String, to bytes: Int) throws {
  struct Failure: Error {}
  guard truncate(path, bytes) == 0 else { throw Failure() }
}
