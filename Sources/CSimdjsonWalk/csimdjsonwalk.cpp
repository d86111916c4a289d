#define SIMDJSON_EXCEPTIONS 0
#include "csimdjsonwalk.h"

#include <simdjson.h>
#include <time.h>

namespace {
using namespace simdjson;

double processor_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) / 1e9;
}

template <typename Value>
error_code walk(Value &&value, size_t &values) {
  values++;
  ondemand::json_type type;
  if (auto error = value.type().get(type)) return error;
  switch (type) {
    case ondemand::json_type::object: {
      ondemand::object object;
      if (auto error = value.get_object().get(object)) return error;
      for (auto field : object) {
        std::string_view key;
        if (auto error = field.unescaped_key().get(key)) return error;
        if (auto error = walk(field.value().value_unsafe(), values)) return error;
      }
      return SUCCESS;
    }
    case ondemand::json_type::array: {
      ondemand::array array;
      if (auto error = value.get_array().get(array)) return error;
      for (auto element : array) {
        if (auto error = element.error()) return error;
        if (auto error = walk(element.value_unsafe(), values)) return error;
      }
      return SUCCESS;
    }
    case ondemand::json_type::string: {
      std::string_view text;
      return value.get_string().get(text);
    }
    case ondemand::json_type::number: {
      double number;
      return value.get_double().get(number);
    }
    case ondemand::json_type::boolean: {
      bool boolean;
      return value.get_bool().get(boolean);
    }
    default: return SUCCESS;
  }
}
}  // namespace

csimdjson_walked csimdjson_walk(const char *path) {
  csimdjson_walked walked = {nullptr, 0, 0, 0};
  padded_string text;
  error_code error = padded_string::load(path).get(text);
  double begin = processor_seconds();
  if (!error) {
    walked.bytes = text.size();
    ondemand::parser parser;
    ondemand::document document;
    error = parser.iterate(text).get(document);
    if (!error) error = walk(document, walked.values);
  }
  walked.seconds = processor_seconds() - begin;
  if (error) walked.error = error_message(error);
  return walked;
}
