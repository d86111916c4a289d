import CYAML

/// Text to a tree of nodes with libyaml. A syntax error ends the reading; what is valid YAML but refused here (an
/// anchor, a duplicate key, a tag) is noted and the reading goes on, so that one run shows every error.
struct YAMLReader {
  /// Deeper than any configuration needs; it bounds the recursion.
  static let maximumDepth = 16

  private struct Stop: Error {}

  private let diagnostics: Diagnostics
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let bytes: UnsafeBufferPointer<UInt8>

  /// The document in `text`, or nil after an error that ends the reading. An empty document is an empty mapping.
  static func read(_ text: String, _ diagnostics: Diagnostics) -> YAMLNode? {
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { parser.deallocate() }
    guard yaml_parser_initialize(parser) == 1 else {
      diagnostics.error(nil, nil, "out of memory while reading")
      return nil
    }
    defer { yaml_parser_delete(parser) }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    let bytes = Array(text.utf8)
    return bytes.withUnsafeBufferPointer { buffer in
      yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
      return try? YAMLReader(diagnostics: diagnostics, parser: parser, bytes: buffer).document()
    }
  }

  private func document() throws(Stop) -> YAMLNode {
    var root: YAMLNode?
    while true {
      var event = try next()
      defer { yaml_event_delete(&event) }
      switch event.type {
      case YAML_STREAM_END_EVENT:
        return root ?? YAMLNode(mark: Mark(line: 1, column: 1), content: .mapping([]))
      case YAML_STREAM_START_EVENT, YAML_DOCUMENT_END_EVENT: continue
      case YAML_DOCUMENT_START_EVENT:
        if root != nil {
          diagnostics.error(mark(event.start_mark), nil, "a second document begins here; the file must hold one")
          throw Stop()
        }
      default: root = try node(event, depth: 0)
      }
    }
  }

  private func node(_ event: yaml_event_t, depth: Int) throws(Stop) -> YAMLNode {
    let place = mark(event.start_mark)
    guard depth <= Self.maximumDepth else {
      diagnostics.error(place, nil, "nested deeper than \(Self.maximumDepth) levels")
      throw Stop()
    }
    switch event.type {
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      noteProperties(scalar.anchor, scalar.tag, place)
      // libyaml has validated the encoding; a scalar may be empty.
      let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      return YAMLNode(mark: place, content: .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE))
    case YAML_SEQUENCE_START_EVENT:
      noteProperties(event.data.sequence_start.anchor, event.data.sequence_start.tag, place)
      return YAMLNode(mark: place, content: .sequence(try sequence(depth)))
    case YAML_MAPPING_START_EVENT:
      noteProperties(event.data.mapping_start.anchor, event.data.mapping_start.tag, place)
      return YAMLNode(mark: place, content: .mapping(try mapping(depth)))
    case YAML_ALIAS_EVENT:
      diagnostics.error(place, nil, "aliases (*name) are not supported; write the value out")
      return YAMLNode(mark: place, content: .scalar("", isPlain: true))
    default:
      diagnostics.error(place, nil, "expected a value")
      throw Stop()
    }
  }

  private func sequence(_ depth: Int) throws(Stop) -> [YAMLNode] {
    var elements: [YAMLNode] = []
    while true {
      var event = try next()
      defer { yaml_event_delete(&event) }
      if event.type == YAML_SEQUENCE_END_EVENT { return elements }
      elements.append(try node(event, depth: depth + 1))
    }
  }

  private func mapping(_ depth: Int) throws(Stop) -> [YAMLNode.Entry] {
    var entries: [YAMLNode.Entry] = []
    var lines: [String: Int] = [:]
    while true {
      var keyEvent = try next()
      defer { yaml_event_delete(&keyEvent) }
      if keyEvent.type == YAML_MAPPING_END_EVENT { return entries }
      let key = try node(keyEvent, depth: depth + 1)
      var valueEvent = try next()
      defer { yaml_event_delete(&valueEvent) }
      let value = try node(valueEvent, depth: depth + 1)
      guard case .scalar(let name, _) = key.content else {
        diagnostics.error(key.mark, nil, "expected a key, found \(key.found)")
        continue
      }
      if let line = lines[name] {
        diagnostics.error(key.mark, nil, "duplicate key \(quoted(name)), first given in line \(line)")
        continue
      }
      lines[name] = key.mark.line
      entries.append(YAMLNode.Entry(key: name, keyMark: key.mark, value: value))
    }
  }

  private func noteProperties(
    _ anchor: UnsafeMutablePointer<yaml_char_t>?, _ tag: UnsafeMutablePointer<yaml_char_t>?, _ place: Mark
  ) {
    if anchor != nil { diagnostics.error(place, nil, "anchors (&name) are not supported; write the value out") }
    if tag != nil { diagnostics.error(place, nil, "tags (!name) are not supported; remove it") }
  }

  private func next() throws(Stop) -> yaml_event_t {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else {
      let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not valid YAML"
      let context = parser.pointee.context.map { String(cString: $0) + ": " } ?? ""
      // The stage that turns bytes into characters runs ahead of the marks, and knows the byte only.
      let isEarly = parser.pointee.error == YAML_READER_ERROR
      let place = isEarly ? mark(atByte: Int(parser.pointee.problem_offset)) : mark(parser.pointee.problem_mark)
      diagnostics.error(place, nil, "\(context)\(problem)\(hint(context + problem))")
      throw Stop()
    }
    return event
  }

  private func hint(_ message: String) -> String {
    if message.contains("cannot start any token") {
      return "; a tab cannot indent, and a value that begins with @, ` or % must be quoted"
    }
    if message.contains("tab character") || message.contains("found a tab") { return "; indent with spaces" }
    if message.contains("block scalar") { return "; a value that begins with > or | must be quoted" }
    if message.contains("mapping values are not allowed") {
      return "; a value that holds `: ` must be quoted, and keys of one mapping must be indented alike"
    }
    return ""
  }

  private func mark(atByte offset: Int) -> Mark {
    let before = bytes.prefix(offset)
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    let characters = before[lineStart...].count { $0 & 0xC0 != 0x80 }
    return Mark(line: before.count { $0 == 0x0A } + 1, column: characters + 1)
  }

  private func mark(_ mark: yaml_mark_t) -> Mark { Mark(line: Int(mark.line) + 1, column: Int(mark.column) + 1) }
}
