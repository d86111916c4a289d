import JSONText

/// Checks a value against a JSON schema, as far as docs/record.schema.json uses the language: `type`, `properties`,
/// `required`, `additionalProperties: false`, `items`, `enum`, `const`, `anyOf` and `$ref` within the document.
/// `pattern` and `format` are not looked at; a keyword that is not known is reported, so that the schema cannot outgrow
/// this check unseen.
struct JSONSchema {
  let root: JSONValue

  func problems(_ value: JSONValue) -> [String] { problems(value, root, "$") }

  private func problems(_ value: JSONValue, _ schema: JSONValue, _ path: String) -> [String] {
    var found: [String] = []
    for keyword in schema.objectValue ?? [] {
      switch keyword.name {
      case "$schema", "$defs", "title", "description", "pattern", "format", "properties": break
      case "$ref":
        let name = keyword.value.stringValue.map { String($0.dropFirst("#/$defs/".count)) } ?? ""
        guard let target = root["$defs"]?[name] else { return ["\(path): no definition \(name)"] }
        found += problems(value, target, path)
      case "type":
        let types = keyword.value.arrayValue ?? [keyword.value]
        if !types.contains(where: { $0.stringValue.map { matches(value, $0) } ?? false }) {
          found.append("\(path): \(value.rawJSON) is not \(keyword.value.rawJSON)")
        }
      case "const":
        if value != keyword.value { found.append("\(path): \(value.rawJSON) is not \(keyword.value.rawJSON)") }
      case "enum":
        if keyword.value.arrayValue?.contains(value) != true { found.append("\(path): \(value.rawJSON) is not listed") }
      case "anyOf":
        let choices = (keyword.value.arrayValue ?? []).map { problems(value, $0, path) }
        if !choices.contains(where: \.isEmpty) { found += choices.min { $0.count < $1.count } ?? [] }
      case "items":
        for (index, element) in (value.arrayValue ?? []).enumerated() {
          found += problems(element, keyword.value, "\(path)[\(index)]")
        }
      case "required":
        for name in keyword.value.arrayValue ?? [] where value.objectValue != nil {
          if value[name.stringValue ?? ""] == nil { found.append("\(path): \(name.rawJSON) is missing") }
        }
      case "additionalProperties":
        for member in value.objectValue ?? [] where schema["properties"]?[member.name] == nil {
          found.append("\(path): \(member.name) is not known")
        }
      default: found.append("\(path): the keyword \(keyword.name) is not checked")
      }
    }
    for member in value.objectValue ?? [] {
      if let schema = schema["properties"]?[member.name] {
        found += problems(member.value, schema, "\(path).\(member.name)")
      }
    }
    return found
  }

  private func matches(_ value: JSONValue, _ type: String) -> Bool {
    switch (value, type) {
    case (.null, "null"), (.bool, "boolean"), (.string, "string"), (.array, "array"), (.object, "object"),
      (.number, "number"):
      true
    case (.number(let text), "integer"): Int64(text) != nil
    default: false
    }
  }
}
