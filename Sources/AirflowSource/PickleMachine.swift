import ExecutionModel

/// The stack machine of a pickle, as far as plain data needs it (opcodes: CPython `Lib/pickle.py`).
struct PickleMachine {
  /// Every value made so far.
  private(set) var nodes: [Pickle.Node] = []
  private let bytes: [UInt8]
  private var position = 0
  private var stack: [Int] = []
  private var marks: [Int] = []
  private var memo: [Int: Int] = [:]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Runs to STOP and gives the place of the value that is left.
  mutating func run() throws(Pickle.Failure) -> Int {
    guard try byte() == 0x80, (2...5).contains(try byte()) else { throw .malformed }
    while true {
      let opcode = try byte()
      if opcode == UInt8(ascii: ".") { return try pop() }
      try execute(opcode)
    }
  }

  private mutating func execute(_ opcode: UInt8) throws(Pickle.Failure) {
    switch opcode {
    case 0x80: _ = try byte()  // PROTO
    case 0x95: _ = try take(8)  // FRAME
    case UInt8(ascii: "("): marks.append(stack.count)  // MARK
    case UInt8(ascii: "0"): if stack.count == marks.last { marks.removeLast() } else { _ = try pop() }  // POP
    case UInt8(ascii: "1"): _ = try popMark()  // POP_MARK
    case UInt8(ascii: "2"): stack.append(try top())  // DUP
    case UInt8(ascii: "h"): try recall(Int(try byte()))  // BINGET
    case UInt8(ascii: "j"): try recall(try length(4))  // LONG_BINGET
    case UInt8(ascii: "q"): memo[Int(try byte())] = try top()  // BINPUT
    case UInt8(ascii: "r"): memo[try length(4)] = try top()  // LONG_BINPUT
    case 0x94: memo[memo.count] = try top()  // MEMOIZE
    case UInt8(ascii: "N"), 0x88, 0x89, UInt8(ascii: "J"), UInt8(ascii: "K"), UInt8(ascii: "M"), 0x8A, 0x8B,
      UInt8(ascii: "G"):
      push(try number(opcode))
    case UInt8(ascii: "X"): push(try text(4))  // BINUNICODE
    case 0x8C: push(try text(1))  // SHORT_BINUNICODE
    case 0x8D: push(try text(8))  // BINUNICODE8
    case UInt8(ascii: "C"): push(.bytes(try take(try length(1)).count))  // SHORT_BINBYTES
    case UInt8(ascii: "B"): push(.bytes(try take(try length(4)).count))  // BINBYTES
    case 0x8E, 0x96: push(.bytes(try take(try length(8)).count))  // BINBYTES8, BYTEARRAY8
    case UInt8(ascii: "c"), 0x93: try name(opcode)  // GLOBAL, STACK_GLOBAL
    case UInt8(ascii: "R"): try reduce()  // REDUCE
    default: try container(opcode)
    }
  }

  // MARK: Scalars

  private mutating func number(_ opcode: UInt8) throws(Pickle.Failure) -> Pickle.Node {
    switch opcode {
    case 0x88: return .bool(true)  // NEWTRUE
    case 0x89: return .bool(false)  // NEWFALSE
    case UInt8(ascii: "J"): return integer(try take(4))  // BININT, the only signed one of the three
    case UInt8(ascii: "K"): return .integer(String(try byte()))  // BININT1
    case UInt8(ascii: "M"): return .integer(String(try length(2)))  // BININT2
    case 0x8A: return integer(try take(try length(1)))  // LONG1
    case 0x8B: return integer(try take(try length(4)))  // LONG4
    case UInt8(ascii: "G"):  // BINFLOAT, big-endian
      let bits = try take(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return .float(Double(bitPattern: bits))
    default: return .none
    }
  }

  private func integer(_ bytes: ArraySlice<UInt8>) -> Pickle.Node {
    LittleEndianInteger.decimal(bytes).map(Pickle.Node.integer) ?? .hugeInteger(bytes: bytes.count)
  }

  private mutating func text(_ width: Int) throws(Pickle.Failure) -> Pickle.Node {
    .string(String(lossless: try take(try length(width))))
  }

  // MARK: Containers

  private mutating func container(_ opcode: UInt8) throws(Pickle.Failure) {
    switch opcode {
    case UInt8(ascii: "]"): push(.list([]))  // EMPTY_LIST
    case UInt8(ascii: "}"): push(.dict([]))  // EMPTY_DICT
    case UInt8(ascii: ")"): push(.tuple([]))  // EMPTY_TUPLE
    case 0x8F: push(.set([]))  // EMPTY_SET
    case UInt8(ascii: "l"): push(.list(try popMark()))  // LIST
    case UInt8(ascii: "t"): push(.tuple(try popMark()))  // TUPLE
    case UInt8(ascii: "d"): push(.dict(try Self.pairs(try popMark())))  // DICT
    case 0x91: push(.set(try popMark()))  // FROZENSET
    case 0x85, 0x86, 0x87:  // TUPLE1, TUPLE2, TUPLE3
      var items: [Int] = []
      for _ in 0...(opcode - 0x85) { items.append(try pop()) }
      push(.tuple(items.reversed()))
    case UInt8(ascii: "a"): try extend([try pop()])  // APPEND
    case UInt8(ascii: "e"), 0x90, UInt8(ascii: "u"): try extend(try popMark())  // APPENDS, ADDITEMS, SETITEMS
    case UInt8(ascii: "s"):  // SETITEM
      let value = try pop()
      try extend([try pop(), value])
    case UInt8(ascii: "b"), UInt8(ascii: "i"), UInt8(ascii: "o"), UInt8(ascii: "P"), UInt8(ascii: "Q"), 0x81, 0x82,
      0x83, 0x84, 0x92, 0x97, 0x98:
      throw .object("")
    default: throw .malformed
    }
  }

  /// Puts items into the container on top of the stack.
  private mutating func extend(_ items: [Int]) throws(Pickle.Failure) {
    let place = try top()
    let container = nodes[place]
    nodes[place] = .none  // so that the array below has one owner and grows where it is
    switch container {
    case .list(var values):
      values += items
      nodes[place] = .list(values)
    case .set(var values):
      values += items
      nodes[place] = .set(values)
    case .dict(var members):
      members += try Self.pairs(items)
      nodes[place] = .dict(members)
    default: throw .malformed
    }
  }

  private static func pairs(_ items: [Int]) throws(Pickle.Failure) -> [(key: Int, value: Int)] {
    guard items.count.isMultiple(of: 2) else { throw .malformed }
    return stride(from: 0, to: items.count, by: 2).map { (items[$0], items[$0 + 1]) }
  }

  // MARK: Names

  private mutating func name(_ opcode: UInt8) throws(Pickle.Failure) {
    let module: String
    let name: String
    if opcode == 0x93 {
      let last = try pop()
      guard case .string(let first) = nodes[try pop()], case .string(let second) = nodes[last] else {
        throw .malformed
      }
      (module, name) = (first, second)
    } else {
      module = String(lossless: try line())
      name = String(lossless: try line())
    }
    if let known = Pickle.Name(module: module, name: name) { return push(.name(known)) }
    let full = "\(module).\(name)"
    let isPlain = full.unicodeScalars.allSatisfy {
      $0.properties.isAlphabetic || "0123456789._".unicodeScalars.contains($0)
    }
    throw .object(isPlain && full.utf8.count <= 100 ? full : "")
  }

  /// A call is never made. What protocols below 4 write as a call to a builtin type is plain data all the same.
  private mutating func reduce() throws(Pickle.Failure) {
    guard case .tuple(let arguments) = nodes[try pop()], case .name(let callee) = nodes[try pop()] else {
      throw .object("")
    }
    let first = arguments.first.map { nodes[$0] }
    switch (callee, first) {
    case (.set, .list(let items)?), (.frozenset, .list(let items)?): push(.set(items))
    case (.set, nil), (.frozenset, nil): push(.set([]))
    case (.bytes, nil), (.bytearray, nil): push(.bytes(0))
    case (.bytearray, .bytes(let count)?): push(.bytes(count))
    case (.encode, .string(let text)?), (.bytearray, .string(let text)?): push(.bytes(text.unicodeScalars.count))
    default: throw .object(callee.rawValue)
    }
  }

  // MARK: Stack and input

  private mutating func push(_ node: Pickle.Node) {
    stack.append(nodes.count)
    nodes.append(node)
  }

  private func top() throws(Pickle.Failure) -> Int {
    guard stack.count > marks.last ?? 0, let place = stack.last else { throw .malformed }
    return place
  }

  private mutating func pop() throws(Pickle.Failure) -> Int {
    let place = try top()
    stack.removeLast()
    return place
  }

  private mutating func popMark() throws(Pickle.Failure) -> [Int] {
    guard let mark = marks.popLast() else { throw .malformed }
    let items = Array(stack[mark...])
    stack.removeSubrange(mark...)
    return items
  }

  private mutating func recall(_ index: Int) throws(Pickle.Failure) {
    guard let place = memo[index] else { throw .malformed }
    stack.append(place)
  }

  private mutating func byte() throws(Pickle.Failure) -> UInt8 {
    guard position < bytes.count else { throw .malformed }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func take(_ count: Int) throws(Pickle.Failure) -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - position else { throw .malformed }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private mutating func length(_ width: Int) throws(Pickle.Failure) -> Int {
    let value = try take(width).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard let count = Int(exactly: value) else { throw .malformed }
    return count
  }

  private mutating func line() throws(Pickle.Failure) -> ArraySlice<UInt8> {
    guard let end = bytes[position...].firstIndex(of: 0x0A) else { throw .malformed }
    defer { position = end + 1 }
    return bytes[position..<end]
  }
}
