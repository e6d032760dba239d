// Property: no input crashes the reader, and whatever it takes answers every kind of question.
#include "config/config.h"
#include "config/units.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using openpcc::config::Section;
  const auto text = openpcc::as_text({data, size});
  (void)openpcc::config::parse_duration(text);
  (void)openpcc::config::parse_size(text);
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "SET") return "value";
    return std::nullopt;
  };
  const auto root = openpcc::config::parse(text, "fuzz.yaml", environment);
  if (!root) return 0;
  for (const auto& key : root->keys()) {
    (void)root->get_string(key, "");
    (void)root->get_int(key, 0);
    (void)root->get_duration(key, {});
    (void)root->get_strings(key, {});
    (void)root->sections(key);
    const Section inner = root->section(key);
    for (const auto& name : inner.keys()) (void)inner.get_string(name, "");
  }
  (void)root->expect_all_used();
  return 0;
}
