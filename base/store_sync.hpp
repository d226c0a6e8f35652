// The database and power cuts. A commit does not wait for the disk: after a power cut the database may be an
// older one. That is fine as long as what an older one names is still there, and as nobody was told that
// something is finished.
#pragma once

#include "base/store.hpp"

namespace ecrin {

/// What has been committed so far is on the disk when this returns. Call before files go that a row named,
/// and at the end of what should outlive a power cut.
Result<> sync_database(Store& store);

}  // namespace ecrin
