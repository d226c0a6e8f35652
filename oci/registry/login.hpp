// Are these credentials good? Asked of the registry itself, before they are kept.
#pragma once

#include "oci/registry/registry_access.hpp"

namespace ecrin::oci {

/// GET /v2/ with these credentials and the challenge that comes. ErrorKind::denied: the registry does not
/// accept them.
Result<> check_credentials(HttpTransport& transport, const RegistryAccess& access, const CredentialKey& key,
                           const Credentials& credentials, const CancelToken* cancel);

}  // namespace ecrin::oci
