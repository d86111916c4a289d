#define SIMDJSON_EXCEPTIONS 0
#include "csimdjson.h"

#include <simdjson.h>

#include <memory>
#include <new>

// Both simdjson 3.0 (Debian 12) and 3.6 (Ubuntu 24.04) declare what is used here in the same words.
struct csimdjson_index {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;
};

namespace {
constexpr size_t depth = 1;  // of the second stage, which is never run

csimdjson_outcome outcome_of(simdjson::error_code code) {
  switch (code) {
    case simdjson::SUCCESS:
    case simdjson::UTF8_ERROR: return CSIMDJSON_OK;
    case simdjson::EMPTY: return CSIMDJSON_EMPTY;
    case simdjson::UNCLOSED_STRING: return CSIMDJSON_UNCLOSED_STRING;
    case simdjson::UNESCAPED_CHARS: return CSIMDJSON_CONTROL_CHARACTER;
    case simdjson::CAPACITY: return CSIMDJSON_TOO_LARGE;
    case simdjson::MEMALLOC: return CSIMDJSON_NO_MEMORY;
    default: return CSIMDJSON_OTHER;
  }
}

simdjson::error_code make_room(csimdjson_index &index, size_t length) {
  if (!index.stage) {
    return simdjson::get_active_implementation()->create_dom_parser_implementation(length, depth, index.stage);
  }
  return index.stage->capacity() < length ? index.stage->set_capacity(length) : simdjson::SUCCESS;
}
}  // namespace

csimdjson_index *csimdjson_index_create(void) { return new (std::nothrow) csimdjson_index(); }

void csimdjson_index_free(csimdjson_index *index) { delete index; }

size_t csimdjson_index_capacity(const csimdjson_index *index) { return index->stage ? index->stage->capacity() : 0; }

csimdjson_structure csimdjson_index_build(csimdjson_index *index, const uint8_t *bytes, size_t length) {
  simdjson::error_code code = length > simdjson::SIMDJSON_MAXSIZE_BYTES ? simdjson::CAPACITY : make_room(*index, length);
  if (code == simdjson::SUCCESS) {
    index->stage->n_structural_indexes = 0;
    code = index->stage->stage1(bytes, length, simdjson::stage1_mode::regular);
  }
  csimdjson_structure result = {outcome_of(code), code != simdjson::UTF8_ERROR, 0, nullptr,
                                simdjson::error_message(code)};
  if (result.outcome == CSIMDJSON_OK) {
    // Invalid UTF-8 is what simdjson looks at last, when every offset is written.
    result.count = index->stage->n_structural_indexes;
    result.offsets = index->stage->structural_indexes.get();
    if (result.count == 0) result.outcome = CSIMDJSON_OTHER;
  }
  return result;
}
