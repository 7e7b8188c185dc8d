import type { AddressPlan } from '../../../harness/src/server/api';

/** The variables that every shell of the lab has. */
export default function Plan({ plan }: { readonly plan: AddressPlan }) {
  return (
    <table className="bench-plan">
      <caption>
        {plan.seed === null ? 'The plan that the guide prints.' : `The plan of the seed "${plan.seed}".`}
      </caption>
      <tbody>
        {Object.entries(plan.variables).map(([name, value]) => (
          <tr key={name}>
            <th scope="row">
              <code>${name}</code>
            </th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
