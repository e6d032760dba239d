#include "engine/stop_strings.h"

#include <algorithm>

namespace openpcc::engine {

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

bool StopStrings::feed(std::string_view bytes, std::string& out) {
  held_.append(bytes);
  // The stop string that ends first is the one a reader of single bytes would see first; of two that end there, the
  // longer.
  size_t cut = std::string::npos;
  size_t cut_end = std::string::npos;
  for (const std::string& stop : stops_) {
    const size_t at = held_.find(stop);
    if (at == std::string::npos) {
      continue;
    }
    const size_t end = at + stop.size();
    if (end < cut_end || (end == cut_end && at < cut)) {
      cut = at;
      cut_end = end;
    }
  }
  if (cut != std::string::npos) {
    out.append(held_, 0, cut);
    held_.clear();
    return true;
  }
  size_t keep = 0;  // the longest end of the text that begins a stop string
  for (const std::string& stop : stops_) {
    for (size_t length = std::min(stop.size() - 1, held_.size()); length > keep; --length) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, length))) {
        keep = length;
        break;
      }
    }
  }
  out.append(held_, 0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return false;
}

void StopStrings::finish(std::string& out) {
  out.append(held_);
  held_.clear();
}

}  // namespace openpcc::engine
