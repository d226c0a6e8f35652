#include "oci/transport.hpp"
