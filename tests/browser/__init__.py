"""Tests in a real browser. A package, because the fixture of a package ends with the last test of its folder."""
