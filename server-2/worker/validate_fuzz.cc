// Any body is refused or becomes JSON that is accepted again and then stays as it is (the order of its fields apart:
// what is forced on stands last the first time).
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "worker/validate_body.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace openpcc;
  if (size == 0) return 0;
  constexpr std::string_view kPaths[] = {"/v1/chat/completions", "/v1/completions", "/api/chat", "/api/generate"};
  static const std::vector<std::string> models = {"m"};
  const std::string_view path = kPaths[data[0] % 4];
  const ByteView body(data + 1, size - 1);
  const auto check = [&](ByteView bytes) {
    return worker::validate_body(
        {.path = path, .content_length = static_cast<int64_t>(bytes.size()), .models = models, .badge_models = nullptr},
        bytes, "");
  };
  const auto valid = check(body);
  if (!valid) {
    (void)worker::refusal_body(valid.error());
    return 0;
  }
  const auto again = check(valid->json);
  if (!again || again->stream != valid->stream) std::abort();
  if (nlohmann::json::parse(again->json) != nlohmann::json::parse(valid->json)) std::abort();
  return 0;
}
