# Installation and the CMake package `tessera` (targets tessera::token, tessera::guard, tessera::caller).
