/// A tree of nodes to a ``Configuration``. Everything is read before anything is given up, so that all errors show.
struct ConfigurationDecoder {
  private let diagnostics: Diagnostics

  init(_ diagnostics: Diagnostics) { self.diagnostics = diagnostics }

  /// nil after an error; with a value there may still be errors.
  func decode(_ root: YAMLNode) -> Configuration? {
    guard let top = SectionReader(root, TopKeys.section, path: "", diagnostics) else { return nil }
    let allowInlineSecrets = top.read(TopKeys.allowInlineSecrets) ?? false
    let allowPlainHTTP = top.read(TopKeys.allowPlainHTTP) ?? false
    let permissions = Permissions(inlineSecrets: allowInlineSecrets, plainHTTP: allowPlainHTTP)
    let ledger = top.read(TopKeys.ledger).flatMap { self.ledger($0, top, permissions) }

    let sinks = entries(top.read(TopKeys.sinks), TopKeys.sinks, SinkKeys.section) { sink($0, permissions) }
    let lineageSink = sinks.lazy.compactMap(\.value).first {
      if case .openLineage = $0.destination { true } else { false }
    }
    let instances = top.read(TopKeys.airflow)
    let airflow = entries(instances, TopKeys.airflow, AirflowKeys.section) {
      self.airflow($0, permissions, lineageSink: lineageSink?.name)
    }
    let dbtCloud = entries(top.read(TopKeys.dbtCloud), TopKeys.dbtCloud, DbtCloudKeys.section) {
      self.dbtCloud($0, permissions)
    }
    let dbtArtifacts = entries(top.read(TopKeys.dbtArtifacts), TopKeys.dbtArtifacts, DbtArtifactsKeys.section) {
      self.dbtArtifacts($0)
    }
    let record = self.record(top)
    let statusSocket = top.read(TopKeys.statusSocket)
    let maximumLedgerBytes = top.read(TopKeys.maximumLedgerBytes)
    let retention = top.read(TopKeys.retention)
    if let length = retention?.length { refuseLongLookBack(airflow, than: length) }

    if let instances, instances.isEmpty, dbtArtifacts.isEmpty, !dbtCloud.contains(where: { $0.value?.runs != .linked })
    {
      top.error(
        TopKeys.airflow,
        "required, and missing; expected at least one Airflow instance, or, to record dbt runs without Airflow, "
          + "`runs: all` in an entry of dbt_cloud, or dbt_artifacts")
    }
    refuseDuplicates(dbtArtifacts, DbtArtifactsKeys.name, \.name)
    refuseDuplicates(dbtArtifacts, DbtArtifactsKeys.path, \.path)
    refuseDuplicates(airflow, AirflowKeys.name, \.name)
    refuseDuplicates(dbtCloud, DbtCloudKeys.name, \.name)
    refuseDuplicates(sinks, SinkKeys.name, \.name)
    refuseDuplicates(dbtCloud, DbtCloudKeys.accountID) { "\($0.accountID) at \($0.url.host)" }
    refuseSharedFiles(sinks, ledger)

    guard let ledger, let record, let retention else { return nil }
    return Configuration(
      ledger: ledger, statusSocket: statusSocket ?? ledger.statusSocket, maximumLedgerBytes: maximumLedgerBytes,
      retention: retention, airflow: airflow.compactMap(\.value).map { limiting($0, retention) },
      dbtCloud: dbtCloud.compactMap(\.value).map { limiting($0, retention) },
      dbtArtifacts: dbtArtifacts.compactMap(\.value),
      sinks: sinks.compactMap(\.value), record: record, allowInlineSecrets: allowInlineSecrets,
      allowPlainHTTP: allowPlainHTTP)
  }

  /// What the file allows as a whole.
  private struct Permissions {
    var inlineSecrets: Bool
    var plainHTTP: Bool
  }

  private struct Entry<Value> {
    var reader: SectionReader
    var value: Value?
  }

  private func entries<Value>(
    _ nodes: [YAMLNode]?, _ key: Key<[YAMLNode]>, _ section: Section, _ decode: (SectionReader) -> Value?
  ) -> [Entry<Value>] {
    (nodes ?? []).enumerated().compactMap { index, node in
      SectionReader(node, section, path: "\(key.row.name)[\(index)]", diagnostics).map {
        Entry(reader: $0, value: decode($0))
      }
    }
  }

  // MARK: Sections

  private func airflow(
    _ reader: SectionReader, _ permissions: Permissions, lineageSink: String?
  ) -> AirflowConfiguration? {
    let name = reader.read(AirflowKeys.name)
    let source = dataSource(reader, permissions)
    let namespace = reader.read(AirflowKeys.namespace)
    let provider = reader.read(AirflowKeys.openLineageProvider)
    let uiURL = reader.read(AirflowKeys.uiURL)
    let role = reader.read(AirflowKeys.role)
    let pollInterval = reader.read(AirflowKeys.pollInterval)
    let backfill = reader.read(AirflowKeys.backfill)
    let sweepInterval = reader.read(AirflowKeys.sweepInterval)
    let lookBack = reader.read(AirflowKeys.lookBack)
    let dags = reader.read(AirflowKeys.dags)
    let filter = SectionReader(
      dags ?? YAMLNode(mark: reader.mark, content: .mapping([])), DagKeys.section,
      path: reader.keyPath(AirflowKeys.dags.row.name), diagnostics)
    let include = filter?.read(DagKeys.include)
    let exclude = filter?.read(DagKeys.exclude)

    // A link is only shown, so plain http will do; a query or a password in it would be shown as well.
    if let uiURL { refuseCredentials(in: uiURL, reader, AirflowKeys.uiURL) }
    if let lineageSink, !reader.isGiven(AirflowKeys.namespace) {
      reader.error(
        AirflowKeys.namespace,
        "required, because sink \(quoted(lineageSink)) is of type openlineage; give the value of `namespace` in section "
          + "[openlineage] of Airflow's configuration (`default` when it is not set there)")
    }
    guard let name, let source, let provider, let role, let pollInterval, let backfill, let sweepInterval, let lookBack,
      let include, let exclude
    else { return nil }
    return AirflowConfiguration(
      name: name, dsn: source.dsn, password: source.password, namespace: namespace, openLineageProvider: provider,
      uiURL: uiURL, role: role, pollInterval: pollInterval, backfill: backfill, sweepInterval: sweepInterval,
      lookBack: lookBack,
      dags: DagFilter(include: include, exclude: exclude))
  }

  private func dataSource(
    _ reader: SectionReader, _ permissions: Permissions
  ) -> (dsn: DataSourceName, password: Secret?)? {
    let named = secret(reader, file: AirflowKeys.passwordFile, command: AirflowKeys.passwordCommand, inline: nil)
    guard let text = reader.read(AirflowKeys.dsn) else { return nil }
    return dataSource(text, AirflowKeys.dsn, named, reader, permissions)
  }

  /// - Parameter named: the password that a key of its own leads to.
  private func dataSource(
    _ text: String, _ key: Key<String>, _ named: Secret?, _ reader: SectionReader, _ permissions: Permissions
  ) -> (dsn: DataSourceName, password: Secret?)? {
    do throws(DataSourceName.Problem) {
      let dsn = try DataSourceName(parsing: text)
      let check = DataSourceCheck(
        dsn: dsn, inlineSecretsAllowed: permissions.inlineSecrets, hasPasswordKey: named != nil,
        passwordKey: key.row.name == TopKeys.ledger.row.name ? "ledger_password" : "password")
      for message in check.errors { reader.error(key, message) }
      for message in check.warnings { reader.warning(key, message) }
      let inline = dsn["password"].map { Secret(.inline($0), key: reader.keyPath(key.row.name)) }
      var bare = dsn
      bare.remove("password")
      return (bare, named ?? inline)
    } catch {
      reader.error(key, error.message)
      return nil
    }
  }

  private func dbtCloud(_ reader: SectionReader, _ permissions: Permissions) -> DbtCloudConfiguration? {
    let name = reader.read(DbtCloudKeys.name)
    let accountID = reader.read(DbtCloudKeys.accountID)
    let url = url(reader, DbtCloudKeys.url, permissions)
    let token = secret(
      reader, file: DbtCloudKeys.tokenFile, command: DbtCloudKeys.tokenCommand, inline: DbtCloudKeys.token)
    let namespace = reader.read(DbtCloudKeys.namespace)
    let datasetNaming = reader.read(DbtCloudKeys.datasetNaming)
    let datasetNamespace = reader.read(DbtCloudKeys.datasetNamespace)
    let caFile = reader.read(DbtCloudKeys.caFile)
    let requestsPerSecond = reader.read(DbtCloudKeys.requestsPerSecond)
    let maximumArtifactBytes = reader.read(DbtCloudKeys.maximumArtifactBytes)
    let runs = reader.read(DbtCloudKeys.runs)
    let backfill = reader.read(DbtCloudKeys.backfill)
    let filter = DbtRunSelection(
      jobs: Set(reader.read(DbtCloudKeys.jobs) ?? []), projects: Set(reader.read(DbtCloudKeys.projects) ?? []),
      environments: Set(reader.read(DbtCloudKeys.environments) ?? []))

    let tokenKeys = [DbtCloudKeys.tokenFile.row.name, DbtCloudKeys.tokenCommand.row.name]
    if reader.isGiven(DbtCloudKeys.token) {
      if !permissions.inlineSecrets {
        reader.error(
          DbtCloudKeys.token,
          "a token in this file is refused; use token_file or token_command, or set allow_inline_secrets: true")
      }
    } else if !reader.isGiven(DbtCloudKeys.tokenFile), !reader.isGiven(DbtCloudKeys.tokenCommand) {
      reader.error(
        DbtCloudKeys.tokenFile, "required, and missing; expected one of \(tokenKeys.joined(separator: ", "))")
    }
    if let url {
      if url.hasQuery { reader.error(DbtCloudKeys.url, "expected the account's access URL without `?…`") }
      if !url.path.isEmpty, url.path != "/" {
        reader.error(
          DbtCloudKeys.url,
          "expected the account's access URL without a path, such as https://ab123.us1.dbt.com, found the path "
            + quoted(url.path))
      }
    }
    if runs == .linked {
      for key in [DbtCloudKeys.jobs, DbtCloudKeys.projects, DbtCloudKeys.environments] where reader.isGiven(key) {
        reader.error(key, "has no effect without `runs: all`; add that, or leave this out")
      }
    }
    guard let name, let accountID, let url, let token, let maximumArtifactBytes, let runs, let backfill else {
      return nil
    }
    return DbtCloudConfiguration(
      name: name, accountID: accountID, url: url, token: token, namespace: namespace ?? name, caFile: caFile,
      datasetNaming: datasetNaming ?? .producer, datasetNamespace: datasetNamespace ?? DatasetNamespaces(),
      requestsPerSecond: requestsPerSecond ?? 2,
      maximumArtifactBytes: Int(maximumArtifactBytes), runs: runs, backfill: backfill, filter: filter)
  }

  private func dbtArtifacts(_ reader: SectionReader) -> DbtArtifactsConfiguration? {
    let name = reader.read(DbtArtifactsKeys.name)
    let datasetNamespace = reader.read(DbtArtifactsKeys.datasetNamespace)
    guard let path = reader.read(DbtArtifactsKeys.path), let name else { return nil }
    return DbtArtifactsConfiguration(name: name, path: path, datasetNamespace: datasetNamespace)
  }

  private func sink(_ reader: SectionReader, _ permissions: Permissions) -> SinkConfiguration? {
    let name = reader.read(SinkKeys.name)
    let kind = reader.read(SinkKeys.type)
    let history = reader.read(SinkKeys.history)
    let maximumOutboxBytes = reader.read(SinkKeys.maximumOutboxBytes)
    let maximumOutboxAge = reader.read(SinkKeys.maximumOutboxAge)
    guard let kind else { return nil }
    reader.refuseKeys(otherThanOf: kind.rawValue, in: SinkKeys.section)
    let destination: SinkConfiguration.Destination?
    switch kind {
    case .openlineage: destination = openLineage(reader, permissions).map { .openLineage($0) }
    case .file:
      let path = reader.read(SinkKeys.path)
      let results = reader.read(SinkKeys.results)
      destination = path.flatMap { path in
        results.map { .file(FileDestination(path: path, results: $0)) }
      }
    }
    guard let name, let history, let maximumOutboxBytes, let maximumOutboxAge, let destination else { return nil }
    return SinkConfiguration(
      name: name, history: history, maximumOutboxBytes: maximumOutboxBytes, maximumOutboxAge: maximumOutboxAge,
      destination: destination)
  }

  private func openLineage(_ reader: SectionReader, _ permissions: Permissions) -> OpenLineageDestination? {
    let url = url(reader, SinkKeys.url, permissions)
    let token = secret(reader, file: SinkKeys.tokenFile, command: SinkKeys.tokenCommand, inline: nil)
    let emit = reader.read(SinkKeys.emit)
    let sql = reader.read(SinkKeys.sql)
    let gzip = reader.read(SinkKeys.gzip)
    let timeout = reader.read(SinkKeys.timeout)
    let caFile = reader.read(SinkKeys.caFile)
    let concurrency = reader.read(SinkKeys.concurrency)
    let requestsPerSecond = reader.read(SinkKeys.requestsPerSecond)
    let batch = reader.read(SinkKeys.batch)
    let batchEvents = reader.read(SinkKeys.batchMaximumEvents)
    let batchBytes = reader.read(SinkKeys.batchMaximumBytes)
    let eventBytes = reader.read(SinkKeys.maximumEventBytes)
    if let emit {
      if emit.isEmpty { reader.error(SinkKeys.emit, "expected at least one kind, found an empty list") }
      if Set(emit).count < emit.count { reader.error(SinkKeys.emit, "expected each kind once, found one twice") }
    }
    if let url, url.hasQuery, !permissions.inlineSecrets {
      reader.error(
        SinkKeys.url,
        "a URL with `?…` may hold a credential and is refused; use token_file, or set allow_inline_secrets: true")
    }
    guard let url, let emit, let sql, let gzip, let timeout, let concurrency, let batch, let batchEvents,
      let batchBytes
    else { return nil }
    return OpenLineageDestination(
      url: url, token: token, emit: Set(emit), sql: sql, gzip: gzip, timeout: timeout, caFile: caFile,
      concurrency: concurrency, requestsPerSecond: requestsPerSecond, batch: batch, batchMaximumEvents: batchEvents,
      batchMaximumBytes: batchBytes, maximumEventBytes: eventBytes)
  }

  private func record(_ top: SectionReader) -> RecordConfiguration? {
    let node = top.read(TopKeys.record) ?? YAMLNode(mark: top.mark, content: .mapping([]))
    let reader = SectionReader(node, RecordKeys.section, path: TopKeys.record.row.name, diagnostics)
    let conf = reader?.read(RecordKeys.conf)
    let messages = reader?.read(RecordKeys.messages)
    let sensitiveNames = reader?.read(RecordKeys.sensitiveNames)
    if let reader, sensitiveNames?.contains(where: { !$0.contains { $0.isLetter || $0.isNumber } }) == true {
      reader.error(
        RecordKeys.sensitiveNames, "expected names with letters or digits: an empty one is part of every name")
    }
    guard let conf, let messages, let sensitiveNames else { return nil }
    return RecordConfiguration(conf: conf, messages: messages, sensitiveNames: sensitiveNames)
  }

  // MARK: Values

  private func ledger(_ text: String, _ top: SectionReader, _ permissions: Permissions) -> LedgerLocation? {
    let password = secret(top, file: TopKeys.ledgerPasswordFile, command: TopKeys.ledgerPasswordCommand, inline: nil)
    if text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") {
      return dataSource(text, TopKeys.ledger, password, top, permissions).map {
        .postgres($0.dsn, password: $0.password)
      }
    }
    if password != nil { top.warning(TopKeys.ledger, "needs no password: only a ledger in Postgres has one") }
    guard text.hasPrefix("sqlite:") else {
      // Whatever it is, it may be a connection string with a password: not quoted.
      top.error(
        TopKeys.ledger,
        "expected sqlite:PATH, such as sqlite:/var/lib/airflow-syncer/ledger.db, or postgresql://user@host/database")
      return nil
    }
    let path = String(text.dropFirst("sqlite:".count))
    guard !path.isEmpty, !path.hasPrefix("//"), path != ":memory:", !path.hasSuffix("/") else {
      top.error(TopKeys.ledger, "expected a file after sqlite:, such as sqlite:/var/lib/airflow-syncer/ledger.db")
      return nil
    }
    let node = YAMLNode(mark: top.mark(of: TopKeys.ledger), content: .scalar(path, isPlain: false))
    return ValueType.path.read(node, TopKeys.ledger.row.name, diagnostics).map { .sqlite(path: $0) }
  }

  private func url(_ reader: SectionReader, _ key: Key<EndpointURL>, _ permissions: Permissions) -> EndpointURL? {
    guard let url = reader.read(key) else { return nil }
    refuseCredentials(in: url, reader, key)
    if url.scheme == "http", !url.isLoopback, !permissions.plainHTTP {
      reader.error(
        key,
        "expected https://, found http:// to \(url.host), which would show tokens to the network; "
          + "allow_plain_http: true allows it")
    }
    return url
  }

  private func refuseCredentials(in url: EndpointURL, _ reader: SectionReader, _ key: Key<EndpointURL>) {
    if url.hasUserInformation { reader.error(key, "expected a URL without user and password before the host") }
  }

  private func secret(
    _ reader: SectionReader, file: Key<String>, command: Key<SecretCommand>, inline: Key<String>?
  ) -> Secret? {
    var found: [Secret] = []
    func note(_ name: String, _ source: Secret.Source?) {
      if let source { found.append(Secret(source, key: reader.keyPath(name))) }
    }
    note(file.row.name, reader.read(file).map { .file($0) })
    note(command.row.name, reader.read(command).map { .command($0) })
    if let inline { note(inline.row.name, reader.read(inline).map { .inline($0) }) }
    if found.count > 1 {
      let names = found.map { String($0.key.split(separator: ".").last ?? "") }
      reader.error(file, "expected only one of \(names.joined(separator: ", ")), found \(found.count)")
    }
    return found.first
  }

  // MARK: Across entries

  /// What is compared with Airflow must still be there.
  private func refuseLongLookBack(_ airflow: [Entry<AirflowConfiguration>], than retention: Duration) {
    for entry in airflow {
      guard let lookBack = entry.value?.lookBack, retention < lookBack + .seconds(86_400) else { continue }
      entry.reader.error(
        AirflowKeys.lookBack,
        "expected a day less than `retention` (\(retention.configuredText)) at most, found \(lookBack.configuredText)")
    }
  }

  private func limiting(_ airflow: AirflowConfiguration, _ retention: Retention) -> AirflowConfiguration {
    var airflow = airflow
    airflow.backfill = retention.limiting(airflow.backfill)
    return airflow
  }

  private func limiting(_ account: DbtCloudConfiguration, _ retention: Retention) -> DbtCloudConfiguration {
    var account = account
    account.backfill = retention.limiting(account.backfill)
    return account
  }

  private func refuseDuplicates<Value, Read>(
    _ entries: [Entry<Value>], _ key: Key<Read>, _ identity: (Value) -> String
  ) {
    var first: [String: Int] = [:]
    for entry in entries {
      guard let value = entry.value else { continue }
      let text = identity(value)
      if let line = first[text] {
        entry.reader.error(key, "expected each once, found \(quoted(text)) again; first given in line \(line)")
      } else {
        first[text] = entry.reader.mark(of: key).line
      }
    }
  }

  private func refuseSharedFiles(_ sinks: [Entry<SinkConfiguration>], _ ledger: LedgerLocation?) {
    var users: [String: String] = [:]
    if case .sqlite(let path)? = ledger { users[path] = "the ledger" }
    for entry in sinks {
      guard let sink = entry.value, case .file(let file) = sink.destination else { continue }
      if let other = users[file.path] {
        entry.reader.error(SinkKeys.path, "expected a file of its own, found that of \(other)")
      } else {
        users[file.path] = "sink \(quoted(sink.name))"
      }
    }
  }
}
