import Ledger
import Telemetry

/// Watches one folder for the artifacts of finished invocations.
struct FolderService: Service {
  private let folder: ArtifactFolderWatch
  private let around: ServiceSurroundings

  init(_ folder: ArtifactFolderWatch, _ surroundings: ServiceSurroundings) {
    self.folder = folder
    around = surroundings
  }

  /// Nothing is held between two looks.
  func close() async {}

  func run(until stop: StopSign) async {
    var failures = 0
    while !stop.isSet {
      do {
        let outcome = try await folder.look()
        failures = 0
        for problem in outcome.problems {
          around.telemetry.emit(DbtArtifactsWarning(folder: folder.name, text: problem))
        }
        if outcome.runs > 0 {
          around.telemetry.emit(DbtArtifactsRead(folder: folder.name, runs: outcome.runs))
          around.bells.ringSinks()
        }
      } catch is CancellationError {
        return
      } catch {
        failures += 1
        around.noteLedger(error)
      }
      await stop.wait(seconds: failures == 0 ? ArtifactFolderWatch.interval : 5)
    }
  }
}
