// Package browsertest tests logins and the emulator's page in a real browser,
// headless Chromium. It is a module of its own, so that what controls the browser
// is no dependency of the library. Without Chromium, its tests are skipped;
// BROWSERTEST_REQUIRED=1 makes that a failure.
//
// SCREENSHOTS=directory keeps screenshots of the pages, light and dark.
package browsertest
