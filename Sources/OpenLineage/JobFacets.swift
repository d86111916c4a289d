import ExecutionModel
import JSONText

/// One entry of the tags facet.
struct Tag: Hashable {
  var key: String
  var value: String
  /// Who set it: `AIRFLOW`, `dbt-cloud`, `DBT`, `DBT_META`.
  var source: String
}

// The facets of jobs.

extension LineageEncoder {
  /// Datadog processes no run event without it.
  func jobType(_ writer: inout JSONWriter, integration: String, type: String) {
    writer.facet(.jobType, producer: producer) {
      $0.member("processingType", "BATCH")
      $0.member("integration", integration)
      $0.member("jobType", type)
    }
  }

  func ownership(_ writer: inout JSONWriter, _ dag: Dag?) {
    guard let owners = dag?.owners, !owners.isEmpty else { return }
    writer.facet(.ownership, producer: producer) {
      $0.key("owners")
      $0.array { writer in
        for owner in owners { writer.object { $0.member("name", owner) } }
      }
    }
  }

  func tags(_ writer: inout JSONWriter, _ tags: [Tag]) {
    guard !tags.isEmpty, !has(.tags) else { return }
    writer.facet(.tags, producer: producer) { Self.members(&$0, tags) }
  }

  static func members(_ writer: inout JSONWriter, _ tags: [Tag]) {
    writer.key("tags")
    writer.array { writer in
      for tag in tags {
        writer.object {
          $0.member("key", tag.key)
          $0.member("value", tag.value)
          $0.member("source", tag.source)
        }
      }
    }
  }
}
