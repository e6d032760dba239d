#include "broker/tpm_section.h"

namespace openpcc {

namespace {

Result<uint32_t> read_handle(const config::Section& tpm, std::string_view key, uint32_t fallback, uint32_t range) {
  OPENPCC_TRY(const int64_t value, tpm.get_int(key, fallback, range, range + 0xffffff));
  return static_cast<uint32_t>(value);
}

Result<tpm::Connection> read_connection(const config::Section& tpm, TpmType type) {
  OPENPCC_TRY(const std::string device, tpm.get_string("device", "/dev/tpmrm0"));
  OPENPCC_TRY(const std::string socket, tpm.get_string("simulator_socket", ""));
  OPENPCC_TRY(const std::string cmd_address, tpm.get_string("simulator_cmd_address", ""));
  OPENPCC_TRY(const std::string platform_address, tpm.get_string("simulator_platform_address", ""));
  if (type != TpmType::kSimulator) {
    if (!socket.empty()) return tpm.bad_value("simulator_socket", "needs tpm_type: Simulator");
    return tpm::Connection::device(device);
  }
  if (!socket.empty()) {
    if (cmd_address.empty() && platform_address.empty()) return tpm::Connection::swtpm(socket);
    return tpm.bad_value("simulator_socket", "cannot stand beside simulator_cmd_address or simulator_platform_address");
  }
  auto simulator = tpm::Connection::mssim(cmd_address, platform_address);
  if (!simulator) return tpm.bad_value("simulator_cmd_address", simulator.error().message);
  return *simulator;
}

}  // namespace

Result<TpmSection> read_tpm_section(const config::Section& tpm) {
  TpmSection out;
  OPENPCC_TRY(const std::string type, tpm.get_string("tpm_type"));
  if (type == "GCE") {
    out.type = TpmType::kGce;
  } else if (type == "Azure") {
    out.type = TpmType::kAzure;
  } else if (type == "QEMU") {
    out.type = TpmType::kQemu;
  } else if (type == "Simulator") {
    out.type = TpmType::kSimulator;
  } else if (type == "InMemorySimulator") {
    return tpm.bad_value("tpm_type", "this program has no TPM inside: use Simulator, with swtpm or a TCG simulator");
  } else {
    return tpm.bad_value("tpm_type", "must be GCE, Azure, QEMU or Simulator");
  }
  OPENPCC_TRY(out.connection, read_connection(tpm, out.type));
  constexpr uint32_t kPersistent = 0x81000000;
  constexpr uint32_t kNvIndex = 0x01000000;
  OPENPCC_TRY(out.rek.primary, read_handle(tpm, "primary_key_handle", 0x81000001, kPersistent));
  OPENPCC_TRY(out.rek.rek, read_handle(tpm, "child_key_handle", 0x81000002, kPersistent));
  OPENPCC_TRY(out.attestation_key, read_handle(tpm, "attestation_key_handle", 0x81000003, kPersistent));
  OPENPCC_TRY(out.rek.creation_ticket, read_handle(tpm, "rek_creation_ticket_handle", 0x01c0000a, kNvIndex));
  OPENPCC_TRY(out.rek.creation_hash, read_handle(tpm, "rek_creation_hash_handle", 0x01c0000b, kNvIndex));
  if (out.rek.primary == out.rek.rek || out.rek.rek == out.attestation_key || out.rek.primary == out.attestation_key) {
    return tpm.bad_value("child_key_handle", "the three keys need three handles");
  }
  if (out.rek.creation_ticket == out.rek.creation_hash) {
    return tpm.bad_value("rek_creation_hash_handle", "ticket and hash need two indices");
  }
  OPENPCC_TRY(out.event_log_path, tpm.get_string("event_log_path", ""));
  return out;
}

}  // namespace openpcc
