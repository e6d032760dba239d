#include "broker/config.h"

namespace openpcc::broker {

Result<Config> read_config(const config::Section& root) {
  Config out;
  OPENPCC_TRY(out.run_as, root.get_string("run_as", ""));
  OPENPCC_TRY(out.listen, root.get_string("listen"));
  OPENPCC_TRY(out.worker_user, root.get_string("worker_user", ""));
  OPENPCC_TRY(out.log_level, root.get_string("log_level", ""));
  OPENPCC_TRY(out.worker_timeout, root.get_duration("worker_timeout", std::chrono::seconds(30)));
  OPENPCC_TRY(out.tpm, read_tpm_section(root.section("tpm")));
  OPENPCC_TRY_STATUS(root.expect_all_used());
  return out;
}

}  // namespace openpcc::broker
