// Makes the calls that it reads, one JSON object a line, with the AWS SDK for
// JavaScript, and writes what came of each.
import * as readline from "node:readline";
import * as licensemanager from "@aws-sdk/client-license-manager";
import * as portal from "@aws-sdk/client-sso";
import * as ssooidc from "@aws-sdk/client-sso-oidc";
import * as sts from "@aws-sdk/client-sts";
import { fromSSO } from "@aws-sdk/credential-providers";

const services = {
	licensemanager: [licensemanager, licensemanager.LicenseManagerClient],
	ssooidc: [ssooidc, ssooidc.SSOOIDCClient],
	portal: [portal, portal.SSOClient],
	sts: [sts, sts.STSClient],
};
const clients = new Map();

function client(call) {
	const key = JSON.stringify([call.service, call.endpoint, call.region, call.keys]);
	if (!clients.has(key)) {
		const [, Client] = services[call.service];
		clients.set(key, new Client({ endpoint: call.endpoint, region: call.region, credentials: call.keys, maxAttempts: 1 }));
	}
	return clients.get(key);
}

async function send(call) {
	if (call.profile) {
		const credentials = await fromSSO({ profile: call.profile })();
		return new sts.STSClient({ region: call.region, credentials }).send(new sts.GetCallerIdentityCommand({}));
	}
	const [module] = services[call.service];
	return client(call).send(new module[call.operation + "Command"](call.input));
}

for await (const line of readline.createInterface({ input: process.stdin })) {
	let result;
	try {
		const { $metadata, ...output } = await send(JSON.parse(line));
		result = { output, requestID: $metadata.requestId };
	} catch (error) {
		result = { error: { code: error.name, type: error.constructor.name, message: error.message, status: error.$metadata?.httpStatusCode ?? 0 } };
	}
	process.stdout.write(JSON.stringify(result) + "\n");
}
