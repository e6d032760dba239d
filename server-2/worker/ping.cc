#include "worker/ping.h"

#include "process/message.h"
#include "process/unix_socket.h"

namespace openpcc::worker {

Result<Pong> ping(const std::string& socket_path, process::Deadline deadline) {
  OPENPCC_TRY(const process::UniqueFd socket, process::connect_unix(socket_path, deadline));
  constexpr uint32_t kTag = 1;
  OPENPCC_TRY_STATUS(process::send_message(socket.get(), encode({.type = ControlType::kPing, .tag = kTag}), deadline));
  OPENPCC_TRY(const process::Message answer, process::receive_message(socket.get(), kMaxControlMessage, deadline));
  OPENPCC_TRY(ControlMessage message, parse_control(answer.body));
  if (message.type != ControlType::kPong || message.tag != kTag) {
    return fail(kBadControl, "the worker answered a ping with something else");
  }
  return Pong{std::move(message.engine), std::move(message.models), std::move(message.without), message.ready};
}

}  // namespace openpcc::worker
