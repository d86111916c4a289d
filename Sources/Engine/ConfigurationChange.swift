import Configuration
import Ledger
import Platform

/// Why a new configuration is not taken up. The one before stays in force.
struct ReloadRefusal: Error, CustomStringConvertible {
  let description: String
}

/// Reads and checks configurations on a thread of its own: files may be slow, and secrets may come from commands.
actor ConfigurationReader {
  private let executor = ThreadExecutor(name: "configuration")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// The parts that a configuration asks for.
  func parts(of configuration: Configuration) -> [PartName: PartDefinition] { configuration.parts() }

  /// A new configuration that may take the place of `old`: one with which the daemon would start, whose secrets can be
  /// read and whose files can be written.
  /// - Throws: ``ReloadRefusal``
  func change(
    from old: Configuration, loading load: @Sendable () throws -> Configuration
  ) throws -> (Configuration, [PartName: PartDefinition]) {
    let new: Configuration
    do { new = try load() } catch { throw ReloadRefusal(description: Self.oneLine("\(error)")) }
    if let reason = Self.reasonToRestart(from: old, to: new) { throw ReloadRefusal(description: reason) }
    let bad = Inspection(new).offline().filter { $0.grade == .bad }
    if !bad.isEmpty {
      throw ReloadRefusal(description: Self.oneLine(bad.map { "\($0.subject): \($0.text)" }.joined(separator: "\n")))
    }
    do { for account in new.dbtCloud { _ = try account.account(allowsPlainHTTP: new.allowPlainHTTP) } } catch {
      throw ReloadRefusal(description: "\(error)")
    }
    return (new, new.parts())
  }

  /// What cannot change while the daemon runs; nil when nothing of that has changed.
  static func reasonToRestart(from old: Configuration, to new: Configuration) -> String? {
    if old.ledger != new.ledger {
      let (before, after) = (old.ledgerPlace.name, new.ledgerPlace.name)
      let what = before == after ? "how it is reached" : "from \(before) to \(after)"
      return "`ledger` has changed (\(what)), which a running daemon cannot follow: restart it, or undo that change"
    }
    guard old.statusSocket != new.statusSocket else { return nil }
    return "`status_socket` has changed, which a running daemon cannot follow: restart it, or undo that change"
  }

  private static func oneLine(_ text: String) -> String {
    text.split(separator: "\n").joined(separator: "; ")
  }
}
