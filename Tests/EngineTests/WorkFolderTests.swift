import FoundationEssentials
import Testing

@testable import Engine

@Suite struct WorkFolderTests {
  @Test func itGoesWithEverythingInIt() throws {
    var folder: WorkFolder? = try WorkFolder()
    let path = try #require(folder?.path)
    #expect(FileManager.default.createFile(atPath: "\(path)/one", contents: Data()))
    folder = nil
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}
