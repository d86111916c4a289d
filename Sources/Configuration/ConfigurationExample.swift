extension Configuration {
  /// A configuration file with every key, each explained: what must be given is given, the rest is commented out with
  /// its default or an example. It is valid as it stands.
  public static var example: String { ConfigurationExample(keys: .needed).text }
}

/// Writes the table of keys as a configuration file.
struct ConfigurationExample {
  enum Keys {
    /// What must be given and what nearly everybody gives.
    case needed
    /// All but those that stand in for another one.
    case all
  }

  private(set) var text = ""
  private let keys: Keys
  private static let width = 100

  init(keys: Keys) {
    self.keys = keys
    comment("Configuration of airflow-syncer. Check it with `airflow-syncer validate`.", lead: "")
    comment("`#key: value` shows a default, or an example of a key that may be left out.", lead: "")
    for row in TopKeys.section.rows {
      text += "\n"
      comment(explanation(of: row), lead: "")
      guard let inside = row.inside, inside.isList else {
        line(row, variant: nil, lead: "", isActive: isActive(row))
        continue
      }
      text += "\(row.name):\n"
      let variants = inside.variants.isEmpty ? [nil] : inside.variants.map(Optional.some)
      for (index, variant) in variants.enumerated() {
        entry(inside, variant: variant, isActive: index == 0 || keys == .all)
      }
    }
  }

  private mutating func entry(_ section: Section, variant: String?, isActive entryIsActive: Bool) {
    let rows = section.rows.filter { $0.onlyType == nil || $0.onlyType == variant }
    for (index, row) in rows.enumerated() {
      let isFirst = index == 0
      if entryIsActive {
        comment(explanation(of: row), lead: isFirst ? "  " : "    ")
        line(row, variant: variant, lead: isFirst ? "  - " : "    ", isActive: isActive(row))
      } else {
        // Without the `#` in the third column, all of it is an entry.
        comment(explanation(of: row), lead: isFirst ? "  " : "  #  ")
        line(row, variant: variant, lead: isFirst ? "  #- " : "  #  ", isActive: isActive(row))
      }
    }
  }

  private func explanation(of row: KeyRow) -> String {
    // Words to choose from stand between backticks.
    row.type.hasPrefix("`") ? "\(row.documentation) Value: \(row.type)." : row.documentation
  }

  private mutating func line(_ row: KeyRow, variant: String?, lead: String, isActive: Bool) {
    text += "\(lead)\(isActive ? "" : "#")\(row.name): \(row.example(in: variant))\n"
  }

  private func isActive(_ row: KeyRow) -> Bool {
    row.isRequired || row.isShown || (keys == .all && row.insteadOf == nil)
  }

  private mutating func comment(_ words: String, lead indent: String) {
    let lead = indent + "#"
    var line = lead
    for word in words.split(separator: " ") {
      if line.count + 1 + word.count > Self.width {
        text += line + "\n"
        line = lead
      }
      line += " \(word)"
    }
    text += line + "\n"
  }
}
