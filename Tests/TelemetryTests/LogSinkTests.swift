import Glibc
import Testing

@testable import Telemetry

struct LogSinkTests {
  @Test func theJournalIsRecognisedByDeviceAndInode() {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    var status = stat()
    fstat(ends[1], &status)
    #expect(journalReads(ends[1], "\(status.st_dev):\(status.st_ino)"))
    #expect(!journalReads(ends[1], "\(status.st_dev):\(status.st_ino + 1)"))
    for wrong in [nil, "", ":", "1", "a:b", "1:2:3", "-1:5"] { #expect(!journalReads(ends[1], wrong)) }
    #expect(!journalReads(-1, "\(status.st_dev):\(status.st_ino)"))
  }

  @Test func aLineArrivesWholeThroughAFullPipe() async {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let (input, output) = (ends[0], ends[1])
    // A nonblocking writer, as when somebody shares our standard error.
    #expect(fcntl(output, F_SETFL, O_NONBLOCK) == 0)
    let line = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
    let reader = Task.detached {
      var bytes: [UInt8] = []
      var chunk = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = read(input, &chunk, chunk.count)
        if count <= 0 { return bytes }
        bytes.append(contentsOf: chunk[..<count])
      }
    }
    writeAll(line, to: output, patience: 60_000)
    close(output)
    #expect(await reader.value == line)
    close(input)
  }

  @Test func aLogThatCannotBeWrittenIsGivenUp() {
    writeAll([1, 2, 3], to: -1)
    #expect(errno == EBADF)
  }
}
