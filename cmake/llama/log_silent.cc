// log_silent.cc - in place of common/log.cpp, which starts a thread (a parent must be able to fork) and prints what
// models answer when it cannot parse it. This one does neither: nothing of a request may reach a log.
#include <climits>

#include "json.h"
#include "log.h"

int common_log_get_verbosity_thold() {
  return INT_MIN;
}
void common_log_set_verbosity_thold(int) {}
bool common_log_get_jsonl() {
  return false;
}
void common_log_set_jsonl(bool) {}
int common_log_get_verbosity(ggml_log_level) {
  return INT_MAX;
}
void common_log_default_callback(ggml_log_level, const char*, void*) {}
common_log* common_log_init() {
  return nullptr;
}
common_log* common_log_main() {
  return nullptr;
}
void common_log_pause(common_log*) {}
void common_log_resume(common_log*) {}
void common_log_free(common_log*) {}
void common_log_add(common_log*, ggml_log_level, const char*, ...) {}
void common_log_set_file(common_log*, const char*) {}
void common_log_set_colors(common_log*, log_colors) {}
void common_log_set_prefix(common_log*, bool) {}
void common_log_set_timestamps(common_log*, bool) {}
void common_log_flush(common_log*) {}
void common_log_add_json(common_log*, const char*, const common_json&) {}
