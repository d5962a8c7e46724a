// Trades four legs with the official JavaScript client, and writes what it saw as JSON.
// Arguments: folder of node_modules, port, client secret, refresh token.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, port, clientSecret, refreshToken] = process.argv.slice(2)
const require = createRequire(join(folder, 'probe.cjs'))
globalThis.WebSocket = require('ws')
globalThis.window = globalThis
const { default: Client } = await import(pathToFileURL(join(folder, '@tastytrade/api/dist/tastytrade-api.js')))

const seen = {}
const client = new Client({
  baseUrl: `http://127.0.0.1:${port}`,
  accountStreamerUrl: `ws://127.0.0.1:${port}/streamer`,
  clientSecret,
  refreshToken,
  oauthScopes: ['read', 'trade'],
})
const until = async (isSo) => {
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 400) throw new Error('waited in vain')
    await new Promise((done) => setTimeout(done, 50))
  }
}
const leg = (symbol, action) => ({ 'instrument-type': 'Equity Option', symbol, quantity: 1, action })

const [{ account }] = await client.accountsAndCustomersService.getCustomerAccounts()
const number = account['account-number']
const held = await client.balancesAndPositionsService.getPositionsList(number)
seen.kinds = [...new Set(held.map((one) => one['instrument-type']))].sort()
const chain = await client.instrumentsService.getNestedOptionChain('SPX')
const roots = chain.items ?? chain
seen.roots = roots.map((one) => one['root-symbol']).sort()
const strikes = roots.find((one) => one['root-symbol'] === 'SPXW').expirations[8].strikes
const middle = strikes.length >> 1
const order = {
  'time-in-force': 'Day',
  'order-type': 'Limit',
  price: '0.50',
  'price-effect': 'Credit',
  legs: [
    leg(strikes[middle - 6].put, 'Buy to Open'),
    leg(strikes[middle - 3].put, 'Sell to Open'),
    leg(strikes[middle + 3].call, 'Sell to Open'),
    leg(strikes[middle + 6].call, 'Buy to Open'),
  ],
}

const alerts = []
client.accountStreamer.addMessageObserver((message) => alerts.push(message))
await client.accountStreamer.start()
await client.accountStreamer.subscribeToAccounts([number])
const events = []
await client.quoteStreamer.connect()
client.quoteStreamer.addEventListener((more) => events.push(...more))
const put = strikes[middle]['put-streamer-symbol']
client.quoteStreamer.subscribe([put, 'SPX'], ['Quote', 'Greeks', 'Trade', 'Summary'])

seen.dryRun = (await client.orderService.postOrderDryRun(number, order))['buying-power-effect'].effect
const placed = await client.orderService.createOrder(number, order)
const isDone = (one) => one.legs.every((each) => each['remaining-quantity'] === 0)
await until(() => alerts.some((one) => one.type === 'Order' && isDone(one.data)))
await until(() => ['Quote', 'Greeks'].every((kind) => events.some((one) => one.eventType === kind && one.eventSymbol === put)))
await until(() => alerts.some((one) => one.action === 'heartbeat'))
seen.statuses = [...new Set(alerts.filter((one) => one.type === 'Order').map((one) => one.data.status))]
const rows = await client.transactionsService.getAccountTransactions(number)
seen.trades = (rows.items ?? rows).filter((one) => one['order-id'] === placed.order.id).length
console.log(JSON.stringify(seen))
process.exit(0)
