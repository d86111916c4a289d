import Glibc

/// A regular file in memory, read only, given back when nobody holds it any more.
final class FileMapping: @unchecked Sendable {  // the pages are never written
  let bytes: UnsafeBufferPointer<UInt8>

  init(path: String) throws {
    let (descriptor, size) = try FileContents.open(path)
    defer { close(descriptor) }
    guard size > 0 else {
      bytes = UnsafeBufferPointer(start: nil, count: 0)
      return
    }
    let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address, address != MAP_FAILED else { throw FileContents.error(errno, path, "cannot be mapped") }
    bytes = UnsafeBufferPointer(start: UnsafePointer(address.assumingMemoryBound(to: UInt8.self)), count: size)
  }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
  }
}

/// The bytes of a regular file.
enum FileContents {
  static func read(path: String, maximumBytes: Int) throws -> [UInt8] {
    let (descriptor, size) = try open(path)
    defer { close(descriptor) }
    guard size <= maximumBytes else {
      throw JSONError(.tooLarge, "the file has \(size) bytes, more than the \(maximumBytes) allowed", source: path)
    }
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      while filled < size, let start = buffer.baseAddress {
        let count = Glibc.read(descriptor, start + filled, size - filled)
        if count < 0, errno == EINTR { continue }
        if count < 0 { failure = errno }
        if count <= 0 { return }
        filled += count
      }
    }
    if failure != 0 { throw error(failure, path, "cannot be read") }
    return bytes
  }

  /// An open descriptor of a regular file, and how many bytes it has.
  static func open(_ path: String) throws -> (descriptor: Int32, size: Int) {
    // Nonblocking: opening a pipe that nobody writes to must not wait.
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw error(errno, path, "cannot be opened") }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw error(EINVAL, path, "is not a regular file")
    }
    return (descriptor, Int(status.st_size))
  }

  static func error(_ number: Int32, _ path: String, _ what: String) -> JSONError {
    JSONError(.file(errno: number), "the file \(what): \(String(cString: strerror(number)))", source: path)
  }
}
