// Sealed requests and responses: the client's end and the node's, with the node's key in software.
#include "http.h"
#include "sealed/request_message.h"
#include "sealed/response_message.h"
#include "verify/software_tpm_for_testing.h"

namespace openpcc::interop {

namespace {

Result<crypto::KeyPair> key_pair_of(const Json& private_key) {
  return crypto::KeyPair::from_private(crypto::Kem::kP256HkdfSha256, bytes_of(private_key));
}

Result<Json> rek_public(State&, const Json& p) {
  OPENPCC_TRY(const crypto::KeyPair rek, key_pair_of(p.at("private")));
  return Json{{"public", to_hex(rek.public_key())}};
}

// Encapsulates for every key in "keys", and keeps the candidates.
template <typename Sealed>
Result<Json> finish_sent(State& state, const Json& p, const Sealed& sealed, ByteView body) {
  std::vector<sealed::Candidate> candidates;
  Json keys = Json::array();
  for (const Json& public_key : p.at("keys")) {
    OPENPCC_TRY(sealed::Candidate candidate, sealed.encapsulate(bytes_of(public_key)));
    keys.push_back(to_hex(candidate.encapsulated_key()));
    candidates.push_back(std::move(candidate));
  }
  state.sent.push_back(std::move(candidates));
  return Json{{"sent", state.sent.size() - 1},
              {"media_type", sealed.media_type()},
              {"sealed", to_hex(body)},
              {"encapsulated_keys", keys}};
}

Result<Json> seal_request(State& state, const Json& p) {
  const OutgoingMessage message = outgoing(p.at("request"));
  if (!message.indeterminate) {
    OPENPCC_TRY(const sealed::SealedRequest request, sealed::seal_request(message.request, message.body));
    return finish_sent(state, p, request, request.body());
  }
  OPENPCC_TRY(sealed::RequestWriter writer, sealed::RequestWriter::create());
  Bytes out;
  OPENPCC_TRY_STATUS(writer.head(message.request, out));
  OPENPCC_TRY_STATUS(message.each_piece([&](ByteView data) { return writer.content(data, out); }));
  OPENPCC_TRY_STATUS(writer.finish(message.trailers, out));
  return finish_sent(state, p, writer, out);
}

// The node's key: "private", or with "own_rek" that of the machine whose evidence make_evidence makes.
Result<crypto::KeyPair> node_key(const Json& p) {
  if (p.value("own_rek", false)) return verify::SoftwareTpmForTesting::instance().rek();
  return key_pair_of(p.at("private"));
}

struct OpenedRequest {
  Json message;
  std::optional<sealed::RequestOpener> opener;
};

Result<OpenedRequest> open(const Json& p, ByteView encapsulated_key, ByteView sealed_body) {
  OPENPCC_TRY(const crypto::KeyPair rek, node_key(p));
  Collector collector;
  OPENPCC_TRY(sealed::RequestReader reader,
              sealed::RequestReader::create(p.at("media_type").get<std::string>(), encapsulated_key, rek.public_key(),
                                            rek.diffie_hellman(), collector));
  OPENPCC_TRY_STATUS(
      feed_in_pieces(sealed_body, p.value("piece", size_t{0}), [&](ByteView bytes) { return reader.feed(bytes); }));
  OPENPCC_TRY_STATUS(reader.finish());
  // Once more, for an opener that outlives the reader.
  OPENPCC_TRY(auto opener, sealed::RequestOpener::create(p.at("media_type").get<std::string>(), encapsulated_key,
                                                         rek.public_key(), rek.diffie_hellman()));
  return OpenedRequest{collector.take(), std::move(opener)};
}

Result<Json> open_request(State& state, const Json& p) {
  OPENPCC_TRY(OpenedRequest opened, open(p, bytes_of(p.at("encapsulated_key")), bytes_of(p.at("sealed"))));
  state.received.push_back(std::move(*opened.opener));
  opened.message["received"] = state.received.size() - 1;
  return std::move(opened.message);
}

Result<Json> open_requests(State&, const Json& p) {
  const Bytes encapsulated_key = bytes_of(p.at("encapsulated_key"));
  const Bytes sealed_body = bytes_of(p.at("sealed"));
  const auto vary = p.at("vary").get<std::string>();
  return for_each_variant(p.at("variants"), [&](ByteView input) -> Result<Json> {
    if (vary != "sealed" && vary != "encapsulated_key") return fail(kBadParameters, "cannot vary " + vary);
    OPENPCC_TRY(OpenedRequest opened,
                vary == "sealed" ? open(p, encapsulated_key, input) : open(p, input, sealed_body));
    return std::move(opened.message);
  });
}

Result<Json> seal_response(State& state, const Json& p) {
  OPENPCC_TRY(const sealed::RequestOpener* opener, item(state.received, p.at("received").get<size_t>()));
  const OutgoingMessage message = outgoing(p.at("response"));
  if (!message.indeterminate) {
    OPENPCC_TRY(const sealed::SealedResponse response, sealed::seal_response(*opener, message.response, message.body));
    return Json{{"media_type", response.media_type}, {"sealed", to_hex(response.body)}};
  }
  OPENPCC_TRY(sealed::ResponseWriter writer, sealed::ResponseWriter::create(*opener));
  Bytes out;
  OPENPCC_TRY_STATUS(writer.head(message.response, out));
  OPENPCC_TRY_STATUS(message.each_piece([&](ByteView data) { return writer.content(data, out); }));
  OPENPCC_TRY_STATUS(writer.finish(message.trailers, out));
  return Json{{"media_type", writer.media_type()}, {"sealed", to_hex(out)}};
}

Result<Json> open_sealed_response(State& state, const Json& p, ByteView sealed_body) {
  OPENPCC_TRY(auto* candidates, item(state.sent, p.at("sent").get<size_t>()));
  OPENPCC_TRY(const sealed::Candidate* candidate, item(*candidates, p.at("candidate").get<size_t>()));
  Collector collector;
  OPENPCC_TRY(sealed::ResponseReader reader,
              sealed::ResponseReader::create(*candidate, p.at("media_type").get<std::string>(), collector));
  OPENPCC_TRY_STATUS(
      feed_in_pieces(sealed_body, p.value("piece", size_t{0}), [&](ByteView bytes) { return reader.feed(bytes); }));
  OPENPCC_TRY_STATUS(reader.finish());
  return collector.take();
}

}  // namespace

void add_sealed_operations(Operations& operations) {
  operations["rek_public"] = rek_public;
  operations["seal_request"] = seal_request;
  operations["open_request"] = open_request;
  operations["open_requests"] = open_requests;
  operations["seal_response"] = seal_response;
  operations["open_response"] = [](State& state, const Json& p) {
    return open_sealed_response(state, p, bytes_of(p.at("sealed")));
  };
  operations["open_responses"] = [](State& state, const Json& p) {
    return for_each_variant(p.at("variants"), [&](ByteView input) { return open_sealed_response(state, p, input); });
  };
}

}  // namespace openpcc::interop
