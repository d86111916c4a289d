import Testing

struct RoomsTests {
  private func declared() throws -> Rooms.Arrows { Rooms.declared(in: try Repository.text("Package.swift")) }

  @Test func theManifestDeclaresEveryFolderOfSources() throws {
    #expect(try Set(declared().keys) == Set(Repository.names(in: "Sources")).union(["Migrations"]))
  }

  @Test func everyRoomImportsWhatItDeclaresAndNothingElse() throws {
    for (room, dependencies) in try declared() {
      // C modules have nothing that could be read so.
      guard try !Repository.swiftFiles(of: room).isEmpty else { continue }
      let imported = try Rooms.imported(by: room)
      #expect(imported.subtracting(dependencies).sorted() == [], "\(room) imports what Package.swift does not declare")
      #expect(dependencies.subtracting(imported).sorted() == [], "\(room) does not use what Package.swift declares")
    }
  }

  @Test func theArchitectureDocumentTellsTheSame() throws {
    let told = Rooms.told(in: try Repository.text("docs/ARCHITECTURE.md"))
    let declared = try declared()
    for room in Set(told.keys).union(declared.keys).sorted() {
      #expect(told[room]?.sorted() == declared[room]?.sorted(), "\(room)")
    }
  }

  @Test func noForbiddenArrow() throws {
    #expect(Rooms.forbidden(in: try declared()) == [])
  }

  @Test func aForbiddenArrowIsFound() throws {
    var arrows = try declared()
    arrows["HTTPClient", default: []].insert("AirflowSource")
    #expect(Rooms.forbidden(in: arrows).contains("DbtCloud reaches AirflowSource"))
    #expect(Rooms.forbidden(in: arrows).contains("Sinks reaches AirflowSource"))
    arrows = try declared()
    arrows["OpenLineage", default: []].insert("Records")
    #expect(Rooms.forbidden(in: arrows) == ["the encoder OpenLineage uses [\"Records\"]"])
    arrows = try declared()
    arrows["Telemetry", default: []].insert("Engine")
    #expect(Rooms.forbidden(in: arrows).contains("Telemetry uses Engine"))
  }

  @Test func importsOfEveryFormAreRead() {
    let source = """
      @testable import One
      public import Two
      import struct Three.Thing
      @preconcurrency import Four
      // import Five
      let text = "import Six"
      """
    #expect(Rooms.imports(of: source) == ["One", "Two", "Three", "Four"])
  }

  @Test func dependenciesAreReadFromAManifest() {
    let manifest = """
      func room(_ name: String) -> Target { .target(name: name) }
      room("One"),
      room("Two", ["One", "CLib"], resources: [.embedInCode("SQL")]),
      room("Three", resources: [.embedInCode("SQL")]),
      .executableTarget(
        name: "four", dependencies: ["Two"], swiftSettings: swift),
      tests("Two", ["One"]),
      """
    #expect(Rooms.declared(in: manifest) == ["One": [], "Two": ["One", "CLib"], "Three": [], "four": ["Two"]])
  }
}
