'use strict';
// Every operation of npm's mpesa-api 3.0.2. Its host is fixed, and it asks no proxy.
const { Mpesa } = require('mpesa-api');

const given = process.env;
const callback = given.CALLBACK_URL;
const shortcode = given.SHORTCODE;

function tell(operation, ok, detail) {
  console.log(JSON.stringify({ operation, ok, detail: String(detail).slice(0, 200) }));
}

async function attempt(operation, call) {
  try {
    const answer = await call();
    const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
    const accepted = answer && (/^0+$/.test(answer.ResponseCode) || answer.QRCode);
    tell(operation, Boolean(accepted), text);
    return answer;
  } catch (broken) {
    console.error(broken);
    tell(operation, false, broken && (broken.message || JSON.stringify(broken)));
    return {};
  }
}

async function main() {
  const mpesa = new Mpesa(
    { clientKey: given.CONSUMER_KEY, clientSecret: given.CONSUMER_SECRET, securityCredential: 'opaque' }, 'sandbox');
  const urls = { ResultURL: callback, QueueTimeOutURL: callback, Remarks: 'Test', Occasion: 'Test' };
  const asked = { Initiator: given.INITIATOR, PartyA: shortcode, IdentifierType: '4', ...urls };
  await attempt('c2bRegister', () => mpesa.c2bRegister(
    { ShortCode: shortcode, ResponseType: 'Completed', ConfirmationURL: callback, ValidationURL: callback }));
  await attempt('c2bSimulate', () => mpesa.c2bSimulate(
    { ShortCode: shortcode, CommandID: 'CustomerPayBillOnline', Amount: 10, Msisdn: given.MSISDN, BillRefNumber: 'A' }));
  const pushed = await attempt('lipaNaMpesaOnline', () => mpesa.lipaNaMpesaOnline(
    { BusinessShortCode: shortcode, passKey: given.PASSKEY, TransactionDesc: 'Order', Amount: 10,
      TransactionType: 'CustomerPayBillOnline', PartyA: given.MSISDN, PartyB: shortcode, PhoneNumber: given.MSISDN,
      AccountReference: 'INV-1', CallBackURL: callback }));
  await attempt('lipaNaMpesaQuery', () => mpesa.lipaNaMpesaQuery(
    { BusinessShortCode: shortcode, passKey: given.PASSKEY, CheckoutRequestID: pushed.CheckoutRequestID }));
  await attempt('b2c', () => mpesa.b2c(
    { ...asked, CommandID: 'BusinessPayment', Amount: 10, PartyB: given.MSISDN }));
  await attempt('accountBalance', () => mpesa.accountBalance({ ...asked, CommandID: 'AccountBalance' }));
  await attempt('transactionStatus', () => mpesa.transactionStatus(
    { ...asked, CommandID: 'TransactionStatusQuery', TransactionID: given.RECEIPT }));
  await attempt('reversal', () => mpesa.reversal(
    { ...asked, CommandID: 'TransactionReversal', TransactionID: given.RECEIPT, Amount: 10, ReceiverParty: shortcode,
      RecieverIdentifierType: '11' }));
}

main();
