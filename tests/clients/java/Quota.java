import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;

/** Sets a quota of clients: BOOTSTRAP CLIENT_ID NAME VALUE. */
public class Quota {
    public static void main(String[] args) throws Exception {
        var clients = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, args[1]));
        var quota = new ClientQuotaAlteration.Op(args[2], Double.valueOf(args[3]));
        try (var admin = Admin.create(Map.<String, Object>of("bootstrap.servers", args[0]))) {
            admin.alterClientQuotas(List.of(new ClientQuotaAlteration(clients, List.of(quota)))).all().get();
        }
    }
}
