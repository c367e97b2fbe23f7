// Opens the handset page, waits for a text to arrive without touching the page, takes a picture.
//   node handset.js PLAYWRIGHT-CORE URL TEXT PICTURE
const [driver, url, text, picture] = process.argv.slice(2);
const { chromium } = require(driver);

(async () => {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 390, height: 780 } });
    const faults = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (line) => line.type() === 'error' && faults.push(line.text()));
    await page.goto(url);
    await page.getByText(text, { exact: true }).waitFor({ timeout: 20_000 });
    await page.getByText('1 part').first().waitFor({ timeout: 1_000 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    if (wide) faults.push('the page is wider than a phone');
    await page.screenshot({ path: picture, fullPage: true });
    if (faults.length > 0) throw new Error(faults.join('\n'));
  } finally {
    await browser.close();
  }
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
