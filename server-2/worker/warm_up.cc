#include "worker/warm_up.h"

#include "sealed/request_message.h"
#include "sealed/response_message.h"

namespace openpcc::worker {
namespace {

class Sink : public bhttp::Handler {
 public:
  Status on_request(bhttp::RequestHead) override { return {}; }
  Status on_response(bhttp::ResponseHead) override { return {}; }
  Status on_content(ByteView) override { return {}; }
};

}  // namespace

Status warm_up() {
  OPENPCC_TRY(const auto key, crypto::KeyPair::generate(crypto::Kem::kP256HkdfSha256));
  const bhttp::RequestHead head{
      .method = "POST", .scheme = "http", .authority = "confsec.invalid", .path = "/", .fields = {}};
  OPENPCC_TRY(const auto request, sealed::seal_request(head, as_bytes("warm")));
  OPENPCC_TRY(const auto candidate, request.encapsulate(key.public_key()));
  Sink sink;
  OPENPCC_TRY(auto reader, sealed::RequestReader::create(request.media_type(), candidate.encapsulated_key(),
                                                         key.public_key(), key.diffie_hellman(), sink));
  OPENPCC_TRY_STATUS(reader.feed(request.body()));
  OPENPCC_TRY_STATUS(reader.finish());
  OPENPCC_TRY(const auto response, sealed::seal_response(reader.opener(), {.status = 200, .fields = {}}, {}));
  OPENPCC_TRY(auto opened, sealed::ResponseReader::create(candidate, response.media_type, sink));
  OPENPCC_TRY_STATUS(opened.feed(response.body));
  return opened.finish();
}

}  // namespace openpcc::worker
