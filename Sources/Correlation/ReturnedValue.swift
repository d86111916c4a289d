import ExecutionModel
import JSONText

/// What a generic task returned, searched for ids of dbt Cloud runs. Everything found is a candidate only: dbt Cloud
/// has to know such a run, created while the attempt ran.
///
/// What is considered at all (docs/CORRELATION.md tells users the same):
/// - the whole value is a number, or text of digits, from 1,000 upwards; or the address of a run
/// - a member at any depth named `dbt_run_id`, `run_id`, `job_run_id`, `dbt_cloud_run_id`, `dbt_job_run_id` or
///   `dbt_cloud_job_run_id`, written with underscores or in camel case, that is a positive number or text of digits
/// - a member at any depth that is the address of a run
/// - the API's answer `{"status": …, "data": {"id": …}}`, or an object that is a run by its other members
/// - text that holds one JSON object of these kinds, as an HTTP operator returns it
///
/// Arrays are not entered: a list of runs says nothing about who started them.
enum ReturnedValue {
  /// What `value` may say, in its own order, at most ``maximumVisits`` members of it.
  static func findings(in value: JSONValue) -> [Finding] {
    var search = Search()
    switch value {
    case .number(let text): search.whole(text)
    case .string(let text):
      if let object = jsonObject(in: text) {
        search.kind = "response_body"
        search.object(object, path: "", depth: 0)
      } else if let run = RunURL.parse(text) {
        search.add(text, run)
      } else {
        search.whole(String(text.trimmingSpace))
      }
    case .object(let members): search.object(members, path: "", depth: 0)
    case .null, .bool, .array: break
    }
    return search.findings
  }

  /// The smallest number that is taken for a run id when nothing but its being there speaks for it.
  static let smallestPlainID: Int64 = 1_000
  static let maximumVisits = 5_000
  static let maximumDepth = 16
  /// Names of members that hold a run id, without underscores and in lower case.
  static let namesOfRunIDs: Set<String> = [
    "runid", "jobrunid", "dbtrunid", "dbtjobrunid", "dbtcloudrunid", "dbtcloudjobrunid",
  ]

  private static func jsonObject(in text: String) -> [JSONValue.Member]? {
    guard text.trimmingSpace.first == "{" else { return nil }
    return (try? JSONValue(parsing: text, source: "returned text", maximumDepth: 64))?.objectValue
  }

  private struct Search {
    var kind = RunXComKey.returnValue.evidenceKind
    var findings: [Finding] = []
    private var visits = 0

    mutating func add(_ value: String, _ run: DbtRunReference) {
      findings.append(Finding(kind: kind, value: value, .run(run)))
    }

    /// The whole value.
    mutating func whole(_ text: String) {
      guard let id = positiveInteger(text), id >= ReturnedValue.smallestPlainID else { return }
      add(text, DbtRunReference(runID: id))
    }

    mutating func object(_ members: [JSONValue.Member], path: String, depth: Int) {
      guard depth < ReturnedValue.maximumDepth else { return }
      let object = JSONValue.object(members)
      if let answer = object["data"], let status = object["status"], answer.objectValue != nil {
        let isDbtCloud = status["code"] != nil
        if run(answer, path: path + "data.", smallest: isDbtCloud ? 1 : ReturnedValue.smallestPlainID) {
          kind = "response_body"
          findings.indices.last.map { findings[$0].evidence.kind = kind }
          return
        }
      }
      if object.looksLikeRun, run(object, path: path, smallest: 1) { return }
      for member in members {
        visits += 1
        guard visits <= ReturnedValue.maximumVisits else { return }
        visit(member, path: path, depth: depth)
      }
    }

    /// A run as the API describes it. Its job, trigger and environment are not entered: their ids are others'.
    private mutating func run(_ object: JSONValue, path: String, smallest: Int64) -> Bool {
      guard !object.looksLikeJob, let id = object["id"]?.runID, id >= smallest else { return false }
      var reference = DbtRunReference(
        accountID: object["account_id"]?.runID, projectID: object["project_id"]?.runID, runID: id)
      if let href = object["href"]?.stringValue.flatMap({ RunURL.parse($0) }), href.runID == id {
        reference = href
      }
      add("\(path)id=\(id)", reference)
      return true
    }

    private mutating func visit(_ member: JSONValue.Member, path: String, depth: Int) {
      switch member.value {
      case .object(let members): object(members, path: path + member.name + ".", depth: depth + 1)
      case .string(let text):
        if let run = RunURL.parse(text) {
          add("\(path)\(member.name)=\(presentable(text))", run)
        } else {
          fallthrough
        }
      case .number:
        let name = member.name.filter { $0 != "_" && $0 != "-" }.lowercased()
        guard ReturnedValue.namesOfRunIDs.contains(name), let id = member.value.runID else { return }
        add("\(path)\(member.name)=\(id)", DbtRunReference(runID: id))
      case .null, .bool, .array: break
      }
    }
  }
}

extension JSONValue {
  /// A positive whole number, or text of digits.
  var runID: Int64? {
    switch self {
    case .number(let text): positiveInteger(text)
    case .string(let text): positiveInteger(text.trimmingSpace)
    default: nil
    }
  }

  /// Whether the members are those of a run in dbt Cloud's API (`id` beside its own address, or beside the job that
  /// it ran and how that went). A trigger has `job_definition_id` too, but no state.
  fileprivate var looksLikeRun: Bool {
    guard let id = self["id"]?.runID else { return false }
    if let href = self["href"]?.stringValue.flatMap({ RunURL.parse($0) }), href.runID == id { return true }
    guard self["job_definition_id"] != nil || self["job_id"] != nil else { return false }
    return ["trigger", "trigger_id", "status", "status_humanized", "finished_at"].contains { self[$0] != nil }
      && self["cause"] == nil
  }

  /// Whether the members are those of a job definition, whose id is no run's.
  fileprivate var looksLikeJob: Bool { self["execute_steps"] != nil || self["triggers"] != nil }
}
