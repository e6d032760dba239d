// Development evidence: made by the software TPM for testing, and verified as the client does.
#include "evidence/evidence.h"

#include "codec.h"
#include "verify/software_tpm_for_testing.h"
#include "verify/verify.h"

namespace openpcc::interop {

namespace {

Result<Json> make_evidence(State&, const Json& p) {
  const auto secret = p.at("secret").get<std::string>();
  const auto list = verify::SoftwareTpmForTesting::instance().make_evidence({.secret = secret});
  return Json{{"evidence", to_hex(evidence::encode(list))}};
}

Result<Json> verify_evidence(State&, const Json& p) {
  verify::Policy policy;
  policy.insecure_development_secret = SecretBytes::copy_of(as_bytes(p.at("secret").get_ref<const std::string&>()));
  return for_each_variant(p.at("variants"), [&](ByteView input) -> Result<Json> {
    OPENPCC_TRY(const evidence::List list, evidence::decode(input));
    OPENPCC_TRY(const auto node, verify::verify_evidence(list, policy).node);
    return Json{{"rek", to_hex(node.rek_point())}};
  });
}

}  // namespace

void add_evidence_operations(Operations& operations) {
  operations["make_evidence"] = make_evidence;
  operations["verify_evidence"] = verify_evidence;
}

}  // namespace openpcc::interop
