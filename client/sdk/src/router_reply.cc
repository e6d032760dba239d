#include "finder.h"
#include "net/error_body.h"

namespace openpcc::sdk {

std::unexpected<ClientError> no_answer(const Error& error) {
  if (error.code == net::kCancelled) return failure(Failure::kCancelled, kCancelledByCaller, "cancelled");
  return failure(Failure::kRequest, kUnreachable, "no answer from the router: " + error.message);
}

std::unexpected<ClientError> refused(const net::ResponseHead& head, ByteView body) {
  std::string message = net::error_message(net::field_or_empty(head.fields, "content-type"), body);
  if (message.empty()) message = net::reason_phrase(head.status);
  // A reply with a node's id came from that node; the router only passed it on.
  const bool from_node = net::find_field(head.fields, "x-node-id") != nullptr;
  return failure(Failure::kRequest, kRefused,
                 std::string(from_node ? "the node" : "the router") + " refused (status " +
                     std::to_string(head.status) + "): " + message,
                 head.status);
}

ClientResult<RouterReply> fetch(Transport& transport, const TransportRequest& request, size_t max_body,
                                const net::Cancellation* cancel) {
  RouterReply reply;
  const net::HttpCallbacks callbacks{.on_head = [&](const net::ResponseHead& head) -> Status {
                                       reply.head = head;
                                       return {};
                                     },
                                     .on_body = [&](ByteView bytes) -> Status {
                                       if (bytes.size() > max_body - reply.body.size())
                                         return fail(net::kTooLarge, "its answer is too large");
                                       append(reply.body, bytes);
                                       return {};
                                     }};
  const auto sent = transport.send(request, callbacks, cancel);
  if (!sent) return no_answer(sent.error());
  if (reply.head.status != 200) return refused(reply.head, reply.body);
  return reply;
}

}  // namespace openpcc::sdk
