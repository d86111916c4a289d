import Glibc

func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

func bytes(_ path: String) throws -> [UInt8] {
  struct Failure: Error {}
  let descriptor = open(path, O_RDONLY)
  guard descriptor >= 0 else { throw Failure() }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(descriptor, &piece, piece.count)
    guard count > 0 else { break }
    bytes += piece[..<count]
  }
  return bytes
}
