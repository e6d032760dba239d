#include "broker/config.h"

namespace openpcc::broker {

Result<Config> read_config(const config::Section& root) {
  Config out;
  OPENPCC_TRY(out.run_as, root.get_string("run_as", ""));
  OPENPCC_TRY(out.listen, root.get_string("listen"));
  OPENPCC_TRY(out.worker_user, root.get_string("worker_user", ""));
  OPENPCC_TRY(out.log_level, root.get_string("log_level", ""));
  OPENPCC_TRY(out.pair_limit, root.get_duration("worker_timeout", std::chrono::seconds(30)));
  const config::Section tpm = root.section("tpm");
  OPENPCC_TRY(const std::string device, tpm.get_string("device", "/dev/tpmrm0"));
  OPENPCC_TRY(const bool simulate, tpm.get_bool("simulate", false));
  OPENPCC_TRY(const std::string socket, tpm.get_string("simulator_socket", ""));
  OPENPCC_TRY(const std::string cmd_address, tpm.get_string("simulator_cmd_address", ""));
  OPENPCC_TRY(const std::string platform_address, tpm.get_string("simulator_platform_address", ""));
  OPENPCC_TRY(const int64_t rek_handle, tpm.get_int("rek_handle", 0x81000002, 0x81000000, 0x81ffffff));
  out.rek_handle = static_cast<uint32_t>(rek_handle);
  if (!socket.empty() && (!cmd_address.empty() || !platform_address.empty())) {
    return tpm.bad_value("simulator_socket", "cannot stand beside simulator_cmd_address or simulator_platform_address");
  }
  if (!simulate) {
    if (!socket.empty()) return tpm.bad_value("simulator_socket", "needs simulate: true");
    out.tpm = tpm::Connection::device(device);
  } else if (!socket.empty()) {
    out.tpm = tpm::Connection::swtpm(socket);
  } else {
    const auto simulator = tpm::Connection::mssim(cmd_address, platform_address);
    if (!simulator) return tpm.bad_value("simulator_cmd_address", simulator.error().message);
    out.tpm = *simulator;
  }
  OPENPCC_TRY_STATUS(root.expect_all_used());
  return out;
}

}  // namespace openpcc::broker
