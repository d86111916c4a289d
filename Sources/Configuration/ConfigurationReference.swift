/// The table of keys as documentation.
public enum ConfigurationReference {
  /// Markdown: one table for each section of the file.
  public static var markdown: String {
    Section.all.map { section in
      let title = section.path.isEmpty ? "Top of the file" : "`\(section.path)`"
      let rows = section.rows.map { row in
        "| `\(row.name)` | \(cell(row.type)) | \(cell(fallback(row))) | \(cell(meaning(row))) |"
      }
      return """
        ### \(title)

        | key | value | default | meaning |
        | --- | --- | --- | --- |
        \(rows.joined(separator: "\n"))

        """
    }.joined(separator: "\n")
  }

  private static func fallback(_ row: KeyRow) -> String {
    if let fallback = row.fallback { return "`\(fallback)`" }
    return row.isRequired ? "required" : "–"
  }

  private static func meaning(_ row: KeyRow) -> String {
    var meaning = row.documentation
    if let type = row.onlyType { meaning = "Type \(type) only. \(meaning)" }
    if let other = row.insteadOf { meaning += " Instead of `\(other)`." }
    return meaning
  }

  private static func cell(_ text: String) -> String {
    text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }
}
