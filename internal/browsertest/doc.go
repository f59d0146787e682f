// Package browsertest walks the logins in a real browser, headless Chromium,
// against the emulator, and watches them on the emulator's own page. It is a module of its own, so that what drives the
// browser is no dependency of the library. Without a Chromium its tests are
// skipped; BROWSERTEST_REQUIRED=1 makes that a failure.
//
// SCREENSHOTS=directory keeps pictures of the pages, light and dark.
package browsertest
