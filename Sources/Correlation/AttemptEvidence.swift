import ExecutionModel
import JSONText

/// All evidence that belongs to one attempt, and what follows from it.
struct AttemptEvidence {
  let attempt: KnownAttempt
  let xcoms: [RunXComKey: XCom]
  let rendered: RenderedRun?
  /// What says where to look for the run when nothing names it.
  let hints: [Evidence]

  /// How many runs a generic task may have named at most; more is a collection that says nothing.
  static let maximumCandidates = 3

  var proposals: [LinkProposal] {
    let wroteRunXCom = xcoms.keys.contains(where: \.isOfRunOperator)
    switch TaskRole(operatorName: attempt.operatorName, wroteRunXCom: wroteRunXCom) {
    case .run: return triggered
    case .sensor: return named(by: .waitedFor, readsReturnValue: TaskRole.sensors.contains(attempt.operatorName ?? ""))
    case .artifactReader: return named(by: .readArtifacts, readsReturnValue: false)
    case .lister: return []
    case .generic: return candidates
    }
  }

  // MARK: The run operator

  private var triggered: [LinkProposal] {
    var findings = RunXComKey.allCases.filter(\.isOfRunOperator).compactMap { key in
      xcoms[key].flatMap { Finding($0, key: key) }
    }
    let named = findings.compactMap(\.run)
    if let returned = xcoms[.returnValue].flatMap({ Finding($0, key: .returnValue) }), let run = returned.run {
      if named.contains(where: { $0.isCompatible(with: run) }) {
        findings.append(returned)
      } else if named.isEmpty, attempt.operatorName == TaskRole.runOperator {
        findings.append(returned)
      } else if named.isEmpty {
        // A subclass may return what it likes.
        let candidates = candidates
        return candidates.isEmpty ? unresolved(findings) : candidates
      }
    }
    let links = proposals(from: findings, relation: .triggered, confidence: .exact)
    return links.isEmpty ? unresolved(findings) : links
  }

  private func unresolved(_ findings: [Finding]) -> [LinkProposal] {
    guard let reason = findings.lazy.compactMap(\.reason).first else { return [] }
    return [
      LinkProposal(
        attempt: attempt.key, target: nil, relation: .triggered, confidence: .inferred,
        evidence: findings.map(\.evidence) + hints, unresolved: reason)
    ]
  }

  // MARK: Sensors and artifact operators

  private func named(by relation: Relation, readsReturnValue: Bool) -> [LinkProposal] {
    var findings = [rendered?.run].compactMap { $0 }
    // A sensor that really deferred returns the id of the run that it waited for.
    if readsReturnValue, let returned = xcoms[.returnValue].flatMap({ Finding($0, key: .returnValue) }),
      let run = returned.run, findings.isEmpty || findings.contains(where: { $0.run?.isCompatible(with: run) ?? false })
    {
      findings.append(returned)
    }
    return proposals(from: findings, relation: relation, confidence: .strong)
  }

  // MARK: Generic tasks

  private var candidates: [LinkProposal] {
    guard case .json(let json) = xcoms[.returnValue]?.content,
      let value = try? JSONValue(parsing: json.text, source: "XCom return_value", maximumDepth: 64)
    else { return [] }
    let found = proposals(
      from: ReturnedValue.findings(in: value), relation: .triggered, confidence: .strong, isCandidate: true)
    return Array(found.prefix(Self.maximumCandidates))
  }

  // MARK: Merging

  /// One proposal per run, in the order in which the evidence names them.
  private func proposals(
    from findings: [Finding], relation: Relation, confidence: Confidence, isCandidate: Bool = false
  ) -> [LinkProposal] {
    var links: [(run: DbtRunReference, evidence: [Evidence])] = []
    for finding in findings {
      guard let run = finding.run else { continue }
      if let index = links.firstIndex(where: { $0.run.isCompatible(with: run) }) {
        links[index].run.fill(from: run)
        if !links[index].evidence.contains(finding.evidence) { links[index].evidence.append(finding.evidence) }
      } else {
        links.append((run, [finding.evidence]))
      }
    }
    return links.map { link in
      var target = link.run
      if target.accountID == nil { target.accountID = rendered?.accountID }
      return LinkProposal(
        attempt: attempt.key, target: target, relation: relation, confidence: confidence, isCandidate: isCandidate,
        evidence: link.evidence)
    }
  }
}

extension DbtRunReference {
  /// Whether both can be the same run: the same id, and nothing that both say differs.
  func isCompatible(with other: DbtRunReference) -> Bool {
    func agree<T: Equatable>(_ left: T?, _ right: T?) -> Bool { left == nil || right == nil || left == right }
    return runID == other.runID && agree(host, other.host) && agree(accountID, other.accountID)
      && agree(projectID, other.projectID)
  }

  /// Takes what `other` knows and this does not.
  mutating func fill(from other: DbtRunReference) {
    host = host ?? other.host
    accountID = accountID ?? other.accountID
    projectID = projectID ?? other.projectID
  }
}
