#include "stub_router.h"

#include <algorithm>
#include <cstdlib>

#include "base/base64.h"
#include "base/varint.h"
#include "sealed/response_message.h"

namespace openpcc::sdk {
namespace {

struct Collector final : bhttp::Handler {
  bhttp::RequestHead head;
  std::string content;
  Status on_request(bhttp::RequestHead got) override {
    head = std::move(got);
    return {};
  }
  Status on_content(ByteView data) override {
    content += as_text(data);
    return {};
  }
};

template <typename T>
T must(Result<T> result) {
  if (!result) std::abort();
  return std::move(*result);
}

void must(const Status& status) {
  if (!status) std::abort();
}

}  // namespace

StubReply error_reply(int status, const std::string& message) {
  StubReply reply;
  reply.head = {status, {{"Content-Type", "application/octet-stream"}}};
  reply.body = wire::encode(wire::ErrorBody{message});
  return reply;
}

StubRouter::StubRouter() : nodes(1), answer(chat_answer({"Hello", ", ", "world."})) {
  nodes[0].id = make_id(1);
}

UuidV7 StubRouter::make_id(uint8_t number) {
  return must(UuidV7::parse("01890000-0000-7000-8000-0000000000" + to_hex(ByteView(&number, 1))));
}

StubAnswer StubRouter::chat_answer(const std::vector<std::string>& texts) {
  StubAnswer answer;
  for (const auto& text : texts) {
    answer.pieces.push_back(R"(data: {"choices":[{"index":0,"delta":{"content":")" + text + "\"}}]}\n\n");
  }
  answer.pieces.push_back("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
  answer.pieces.push_back("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3}}\n\n");
  answer.pieces.emplace_back("data: [DONE]\n\n");
  return answer;
}

std::vector<Bytes> StubRouter::split(ByteView sealed) {
  std::vector<Bytes> parts = {to_bytes(sealed.first(16))};
  sealed = sealed.subspan(16);
  while (!sealed.empty()) {
    const auto length = parse_varint(sealed);
    const size_t size = !length || length->value == 0 ? sealed.size() : length->size + length->value;
    parts.push_back(to_bytes(sealed.first(size)));
    sealed = sealed.subspan(size);
  }
  return parts;
}

StubReply StubRouter::handle(const std::string& method, const std::string& path, const net::Fields& fields,
                             ByteView body) {
  const std::scoped_lock lock(mutex_);
  if (method == "GET" && path == "/ping") return {{200, {}}, to_bytes(as_bytes("pong")), {}, {}};
  if (method == "POST" && path == "/compute-manifests") return manifests(fields, body);
  if (method == "POST" && path == "/") return forward(fields, body);
  return {{404, {{"Content-Type", "text/plain; charset=utf-8"}}}, to_bytes(as_bytes("404 page not found\n")), {}, {}};
}

StubReply StubRouter::manifests(const net::Fields& fields, ByteView body) {
  manifest_fields = fields;
  const auto query = wire::decode_manifest_request(body);
  if (!query) return error_reply(400, "invalid binary data");
  manifest_limits.push_back(query->limit);
  wire::ComputeManifestList list;
  for (const StubNode& node : nodes) {
    const Tags tags = must(Tags::from(node.tags));
    if (!tags.contains_all(query->tags) || list.size() >= static_cast<size_t>(query->limit)) continue;
    auto evidence = node.tpm->make_evidence(node.faults).pieces();
    if (node.alter_evidence) node.alter_evidence(evidence);
    list.push_back({node.id, tags, std::move(evidence)});
  }
  StubReply reply;
  reply.head = {200, {{"Content-Type", "application/octet-stream"}}};
  reply.body = must(wire::encode(list));
  return reply;
}

StubReply StubRouter::forward(const net::Fields& fields, ByteView body) {
  const auto bytes = from_base64(net::field_or_empty(fields, "X-Routing-Info"));
  const auto info = bytes ? wire::decode_request_info(*bytes) : std::unexpected(bytes.error());
  if (!info || info->candidates.empty()) return error_reply(400, "invalid routing info in X-Routing-Info header");
  candidate_counts.push_back(info->candidates.size());
  if (unavailable > 0) {
    --unavailable;
    return error_reply(404, "all candidate nodes unavailable");
  }
  const auto& candidate = info->candidates[std::min(answering, info->candidates.size() - 1)];
  const auto node = std::ranges::find(nodes, candidate.id, &StubNode::id);
  if (node == nodes.end()) return error_reply(404, "all candidate nodes unavailable");
  auto reply = answer_as(*node, candidate, fields, body);
  if (!reply) reply = error_reply(400, "failed to decapsulate encrypted request");
  reply->head.fields.push_back({"X-Node-ID", node->id.to_string()});
  if (alter) alter(*reply);
  return std::move(*reply);
}

Result<StubReply> StubRouter::answer_as(const StubNode& node, const wire::ComputeCandidate& candidate,
                                        const net::Fields& fields, ByteView body) {
  Collector seen;
  const auto& rek = node.tpm->rek();
  OPENPCC_TRY(auto reader,
              sealed::RequestReader::create(net::field_or_empty(fields, "Content-Type"), candidate.encapsulated_key,
                                            rek.public_key(), rek.diffie_hellman(), seen));
  OPENPCC_TRY_STATUS(reader.feed(body));
  OPENPCC_TRY_STATUS(reader.finish());
  requests.push_back({fields, seen.head, seen.content});

  StubReply reply;
  const bhttp::ResponseHead head{answer.status, {{"content-type", answer.content_type}}};
  if (answer.chunked) {
    auto writer = must(sealed::ResponseWriter::create(reader.opener()));
    reply.head = {200, {{"Content-Type", std::string(writer.media_type())}}};
    must(writer.head(head, reply.body));
    for (const auto& piece : answer.pieces) must(writer.content(as_bytes(piece), reply.body));
    must(writer.finish({}, reply.body));
  } else {
    std::string content;
    for (const auto& piece : answer.pieces) content += piece;
    auto sealed = must(sealed::seal_response(reader.opener(), head, as_bytes(content)));
    reply.head = {200, {{"Content-Type", std::string(sealed.media_type)}}};
    reply.body = std::move(sealed.body);
  }
  reply.trailers = trailers;
  return reply;
}

}  // namespace openpcc::sdk
