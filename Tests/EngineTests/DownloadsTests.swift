import DbtCloud
import ExecutionModel
import Glibc
import Testing

@testable import Engine

struct DownloadsTests {
  private func head(_ status: String) -> DbtRunHead {
    DbtRunHead(run: DbtRun(key: .cloud(host: "dbt.example", accountID: 1, runID: 7), status: status))
  }

  private func make(_ path: String) { close(open(path, O_CREAT | O_WRONLY, 0o600)) }

  @Test func whatHasComeIsThereWhenTheRunIsReadAgain() throws {
    let folder = try WorkFolder()
    let downloads = Downloads(account: "analytics", folder: folder)
    downloads.begin(7, head("success"))
    let (path, isThere) = downloads.file(7, step: 4, name: "manifest.json")
    #expect(!isThere)
    make(path)
    downloads.note(path, bytes: 10, of: 7)
    downloads.end(7, isWhole: false)
    downloads.begin(7, head("success"))
    #expect(downloads.file(7, step: 4, name: "manifest.json").isThere)
    #expect(!downloads.file(7, step: 5, name: "manifest.json").isThere)
    downloads.end(7, isWhole: true)
    #expect(access(path, F_OK) != 0)
  }

  @Test func whatIsOfAnotherVersionOfTheRunIsRemoved() throws {
    let folder = try WorkFolder()
    let downloads = Downloads(account: "analytics", folder: folder)
    downloads.begin(7, head("success"))
    let path = downloads.file(7, step: 4, name: "manifest.json").path
    make(path)
    downloads.note(path, bytes: 10, of: 7)
    downloads.begin(7, head("error"))
    #expect(!downloads.file(7, step: 4, name: "manifest.json").isThere)
    #expect(access(path, F_OK) != 0)
  }

  @Test func aFileThatCannotBeReadIsFetchedAgain() throws {
    let folder = try WorkFolder()
    let downloads = Downloads(account: "analytics", folder: folder)
    downloads.begin(7, head("success"))
    let path = downloads.file(7, step: 4, name: "manifest.json").path
    make(path)
    downloads.note(path, bytes: 10, of: 7)
    downloads.drop(path, of: 7)
    #expect(!downloads.file(7, step: 4, name: "manifest.json").isThere && access(path, F_OK) != 0)
  }

  @Test func onlySoMuchWaits() throws {
    let folder = try WorkFolder()
    let downloads = Downloads(account: "analytics", folder: folder)
    for run in 1...3 as ClosedRange<Int64> {
      downloads.begin(run, head("success"))
      let path = downloads.file(run, step: 4, name: "manifest.json").path
      make(path)
      downloads.note(path, bytes: 400 << 20, of: run)
      if run < 3 { downloads.end(run, isWhole: false) }
    }
    #expect([1, 2, 3].map { downloads.file($0, step: 4, name: "manifest.json").isThere } == [true, true, true])
    downloads.end(3, isWhole: false)
    #expect([1, 2, 3].map { downloads.file($0, step: 4, name: "manifest.json").isThere } == [false, true, true])
  }
}
