// The templates, byte for byte as the official programs send them.
#include <gtest/gtest.h>

#include "tpm/tpm.h"

namespace openpcc::tpm {
namespace {

TEST(Templates, SimulatorAk) {
  EXPECT_EQ(to_hex(tpmwire::marshal_public(simulator_ak_template())),
            "0001000b00050472000000100014000b0800000000000000");
}

TEST(Templates, QemuAk) {
  EXPECT_EQ(to_hex(tpmwire::marshal_public(qemu_ak_template())),
            "0001000b000500f20020ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0"
            "00100014000b0800000000000100" +
                std::string(512, '0'));
}

TEST(Templates, StoragePrimary) {
  EXPECT_EQ(to_hex(tpmwire::marshal_public(storage_primary_template())),
            "0023000b00030072000000060080004300100003001000000000");
}

TEST(Templates, Rek) {
  tpmwire::Digest policy;
  policy.fill(0xab);
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += "ab";
  EXPECT_EQ(to_hex(tpmwire::marshal_public(rek_template(policy))),
            "0023000b000200b20020" + hex + "00100019000b0003001000000000");
}

}  // namespace
}  // namespace openpcc::tpm
